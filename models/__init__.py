"""What hears, decides, answers and speaks: one adapter interface each, engines behind it."""

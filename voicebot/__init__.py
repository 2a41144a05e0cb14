"""The service: live calls, campaigns, records, reports. Composes telephony, models and dialogs."""

__version__ = "0.1.0"

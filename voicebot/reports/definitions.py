"""What each figure of a report means, in words; printed with every report."""

DEFINITIONS = {
    "contact": "One person in one campaign.",
    "attempt": "One decision of the dialler about a contact: dialled, or refused with a reason.",
    "dialled": "Attempts for which a call was sent out: a SIP INVITE, or a request to the bridge's provider. "
    "Refused attempts are not dialled.",
    "answered": "Dialled calls that were taken.",
    "machine": "Answered calls whose party was found to be voicemail, a menu or a voice assistant.",
    "live": "Answered calls whose party was found to be a person. Unresolved calls are neither live nor "
    "machine; they are counted on their own.",
    "connection_rate": "Answered / dialled, by call. Voicemail inflates it: read it next to the live rate.",
    "connection_rate_by_contact": "Contacts ever answered / contacts dialled.",
    "live_connection_rate": "Live / dialled, by call.",
    "live_connection_rate_by_contact": "Contacts ever reached live / contacts dialled.",
    "outcomes": "Contacts by their final result over all attempts.",
    "conversion": "Contacts that reached the campaign's goal / contacts reached live. By contact, not call.",
    "right_party": "Live calls with the identity confirmed / live calls.",
    "containment": "Live calls with a defined outcome, ended by the script, that need no person of ours "
    "(no transfer, no request for one, no complaint to follow up) / live calls. A hang-up by the callee is "
    "not containment.",
    "disclosure": "Live calls in which the statement that an AI speaks was played to its end / live calls.",
    "abandoned": "Live calls in which the bot said nothing for more than 2 s after the answer, or that ended "
    "for want of an agent / live calls.",
    "late_greetings": "Live calls whose greeting began more than 2 s after the answer.",
    "opt_out_rate": "Live calls with a request never to be called again / live calls.",
    "csat": "Scores of 4 or 5 / scores given, on a scale of 1 to 5.",
    "survey_response_rate": "Live calls with at least one score / live calls in which the survey was begun.",
    "d1_explicit": "Survey scores of 1 or 2 / survey scores given.",
    "d2_expressed": "Live calls with a complaint, a request not to be called, abuse, 'are you a robot?' "
    "followed by a refusal, a request for a person after the bot failed, or a complaint to a regulator / "
    "live calls. This is the headline.",
    "d3_inferred": "Live calls hung up by the callee less than 10 s after the greeting and before any intent "
    "was understood, or with negative sentiment / live calls. Unproven until checked against people's "
    "judgement.",
    "reply_latency_ms": "Per agent turn that answers speech: end of the customer's speech (VAD) to the first "
    "sample of the reply handed to the network. Its stages add up to it.",
    "stages": "endpoint: waiting to be sure that the customer has finished; asr: transcribing what was "
    "left to transcribe; decide: intent and dialogue policy; tts: until the first sample of speech.",
    "answer_to_greeting_ms": "Answer to the first sample of the greeting.",
    "replies_by": "Agent turns straight after a customer turn, by who found the answer: shortcut (intent), "
    "llm, or script (fallback and survey).",
    "dead_air": "Replies that took longer than 3 s.",
    "interrupted_prompts": "Agent turns cut short by the customer / agent turns.",
    "false_stops": "Prompts that were stopped for a sound that turned out to be no turn, and taken up again.",
    "speculation": "Work begun before it was certain that the customer's turn was over, and how much of it "
    "was in vain because the customer went on: recognitions (guesses) with their seconds of audio, "
    "recognitions of the words so far of speech that went on (partials), and requests to the language model "
    "(asked_ahead) with the pieces of answers, about one a token, that were dropped.",
    "handle_time_s": "Answer to hang-up of live calls.",
    "tick_lateness": "How late the media clock's 20 ms tick ran, at worst and at the 99th percentile.",
    "asr_word_error_rate": "(Substitutions + deletions + insertions) / words really said. "
    "Only simulated people leave a record of what they said.",
    "caller_side": "The same delays measured at the other end of the line by the simulated people, with "
    "their own clock and voice detector; transport is included.",
    "intervals": "Rates: Wilson score, 95 %. Quantiles: order statistics, 95 %, open where the sample is too "
    "small. Error rate: bootstrap over calls, 95 %.",
}

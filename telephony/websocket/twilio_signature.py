"""X-Twilio-Signature: HMAC-SHA1 over the address and the sorted form fields, in base64.

https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping


def sign(auth_token: str, url: str, form: Mapping[str, str] | None = None) -> str:
    """The signature of a request to `url`, as Twilio called it, query included."""
    text = url + "".join(name + value for name, value in sorted((form or {}).items()))
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode("ascii")


def is_valid(signature: str, auth_token: str, url: str, form: Mapping[str, str] | None = None) -> bool:
    """Whether Twilio signed the request; compared in constant time.

    Twilio's own libraries accept an address with and without a trailing slash or default port, for
    the handshake of a Media Stream is signed with what the TwiML said.
    """
    given = signature.encode("utf-8", "replace")
    addresses = (url, url.rstrip("/"), url + "/")
    return any([hmac.compare_digest(given, sign(auth_token, each, form).encode()) for each in addresses])

"""From a bridge's settings to the line that it is: server, protocol, originator, and who may connect."""

import sys
from collections.abc import Callable, Mapping
from functools import partial

from dialogs.problem import InputError, Problem
from telephony.line import DialRequest, LineError
from telephony.websocket.admission import Admission, BasicPassword, TokenOnly, TwilioSigned
from telephony.websocket.asterisk import AsteriskCodec
from telephony.websocket.bridge import BridgeConfig, MediaBridge
from telephony.websocket.browser import BrowserCodec
from telephony.websocket.codec import Codec
from telephony.websocket.freeswitch import AudioForkCodec, AudioStreamCodec
from telephony.websocket.jambonz import JambonzCodec
from telephony.websocket.originate_asterisk import AsteriskConfig, AsteriskOriginator
from telephony.websocket.originate_browser import BrowserOriginator, Invite
from telephony.websocket.originate_freeswitch import AudioModule, FreeSwitchConfig, FreeSwitchOriginator
from telephony.websocket.originate_jambonz import JambonzConfig, JambonzOriginator
from telephony.websocket.originate_twilio import TwilioConfig, TwilioOriginator
from telephony.websocket.originator import MediaTarget, Originator
from telephony.websocket.twilio import TwilioCodec
from voicebot.bridge_settings import (
    AsteriskBridge,
    BridgeSettings,
    BrowserBridge,
    FreeSwitchBridge,
    JambonzBridge,
    TwilioBridge,
)
from voicebot.same_fields import same_fields

_Wire = tuple[Callable[[], Codec], Originator, Admission]


def named_bridge(name: str, bridges: Mapping[str, BridgeSettings]) -> BridgeSettings:
    """The settings of the bridge called `name`. Raises InputError that lists those there are."""
    if name in bridges:
        return bridges[name]
    known = f"there are: {', '.join(sorted(bridges))}" if bridges else "the settings name none"
    mend = "Name one of `bridges` in the settings file, or add it there (docs/telephony.md)"
    raise InputError([Problem("bridges", 0, f"no bridge is called {name!r}; {known}", mend)])


def bridge_line(name: str, settings: BridgeSettings, invite: Invite | None = None) -> MediaBridge:
    """The line, not started yet. `invite` shows a person the address for a browser; standard error if None.

    Raises LineError naming bridge, fault and mend.
    """
    try:
        config = same_fields(BridgeConfig, settings, public_url=settings.reached_at, name=name)
        codec, originator, admission = _wire(settings, invite or show_address)
    except LineError as error:
        raise LineError(f"bridges.{name}: {error}") from None
    return MediaBridge(config, codec, originator, admission)


def show_address(request: DialRequest, target: MediaTarget) -> None:
    """Tell the person at this terminal where their page has to connect."""
    sys.stderr.write(f"The page for {request.to} has to open {target.media_url}\n")
    sys.stderr.flush()


def _wire(settings: BridgeSettings, invite: Invite) -> _Wire:
    match settings:
        case TwilioBridge():
            originator: Originator = TwilioOriginator(same_fields(TwilioConfig, settings))
            return TwilioCodec, originator, TwilioSigned(settings.auth_token)
        case AsteriskBridge():
            plain = settings.control == "plain"
            originator = AsteriskOriginator(same_fields(AsteriskConfig, settings, plain_control=plain))
            return partial(AsteriskCodec, plain=plain), originator, _password(settings)
        case FreeSwitchBridge():
            module = AudioModule(settings.module)
            codec = AudioForkCodec if module is AudioModule.FORK else AudioStreamCodec
            originator = FreeSwitchOriginator(same_fields(FreeSwitchConfig, settings, module=module))
            return codec, originator, _password(settings)
        case JambonzBridge():
            originator = JambonzOriginator(same_fields(JambonzConfig, settings))
            return JambonzCodec, originator, _password(settings)
        case BrowserBridge():
            return BrowserCodec, BrowserOriginator(invite), TokenOnly()


def _password(settings: AsteriskBridge | FreeSwitchBridge | JambonzBridge) -> Admission:
    if not settings.media_user and not settings.media_password:
        return TokenOnly()
    if not settings.media_user or not settings.media_password:
        raise LineError("media_user and media_password belong together. Set both or neither")
    return BasicPassword(settings.media_user, settings.media_password)

"""Telephone audio on numpy arrays: G.711, levels, resampling, comfort noise, loss concealment."""

from telephony.audio.comfort_noise import ComfortNoise
from telephony.audio.g711 import decode_alaw, decode_mulaw, encode_alaw, encode_mulaw
from telephony.audio.level import SILENCE_DBFS, clipped_share, level_dbfs
from telephony.audio.loss_concealment import LossConcealment
from telephony.audio.resampling import StreamResampler, resample

__all__ = [
    "SILENCE_DBFS",
    "ComfortNoise",
    "LossConcealment",
    "StreamResampler",
    "clipped_share",
    "decode_alaw",
    "decode_mulaw",
    "encode_alaw",
    "encode_mulaw",
    "level_dbfs",
    "resample",
]

"""How much of Kokoro's Mandarin Whisper base understands through 8 kHz mu-law.

`python -m tests.system.mandarin_intelligibility` prints the table of docs/scripts.md, with VOICE+VOICE that
of other mixtures; a minute for each.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from time import process_time

import jiwer
from pypinyin import Style, lazy_pinyin

from models.asr import Utterance
from models.asr.whisper import WhisperEngine, WhisperSettings
from models.tts import Speech, words_of
from models.tts.kokoro import KokoroEngine
from models.tts.mandarin_spoken_form import mandarin_spoken_forms
from models.tts.service import MANDARIN_STYLE, MANDARIN_VOICE, kokoro_settings
from tests.embedded_weights import embedded_weights
from tests.system.telephone import through_mu_law, with_pauses

SENTENCES = (
    "对不起，我没有听清楚，您能再说一遍吗？",
    "请问您更喜欢上午还是下午配送？",
    "好的，我明白了，那我下周二下午三点再给您打电话。",
    "如果您不想再接到我们的电话，请直接告诉我。",
    "谢谢您的时间，祝您生活愉快，再见。",
    "您好，我是绿色能源公司的小王，请问您现在方便吗？",
    "不好意思打扰您了，我们想了解一下您对上次服务的满意程度。",
    "这个套餐每个月只要三十九块九毛，比您现在的便宜百分之二十。",
    "请问您是张先生本人吗？",
    "我们的客服电话是四零零八二零八八二零。",
    "您可以用一到五分给我们的服务打分。",
    "合同期限是十二个月，随时可以取消，不收取任何费用。",
    "您的订单已经在昨天发货，预计三天之内送到。",
    "我是人工智能助手，这通电话可能会被录音。",
    "这张沙发的价格是两千五百元，现在下单可以免运费。",
)


def understood(lines: Sequence[Speech]) -> list[str]:
    """What Whisper base makes of each line."""
    whisper = WhisperEngine(WhisperSettings(embedded_weights("whisper-base") / "whisper-base"))
    whisper.load()
    calls = [Utterance(through_mu_law(with_pauses(line.samples)), "zh") for line in lines]
    return [transcript.text for transcript in whisper.run(calls)]


def character_error_rate(said: Sequence[str], heard: Sequence[str]) -> float:
    """Numbers count as said; homophones and traditional characters are errors."""
    return float(jiwer.cer(list(map(_characters, said)), list(map(_characters, heard))))


def syllable_error_rate(said: Sequence[str], heard: Sequence[str], *, tones: bool = False) -> float:
    """In pinyin: homophones and traditional characters are no errors."""

    def syllables(text: str) -> str:
        style = Style.TONE3 if tones else Style.NORMAL
        return " ".join(lazy_pinyin(_characters(text), style=style))

    return float(jiwer.wer(list(map(syllables, said)), list(map(syllables, heard))))


def _characters(text: str) -> str:
    """Numbers in Hanzi, no punctuation."""
    return re.sub(r"\W", "", "".join(mandarin_spoken_forms(words_of(text)))) or "-"


def main(mixtures: Sequence[str]) -> None:
    settings = kokoro_settings(embedded_weights(MANDARIN_VOICE))
    print("| Voices | Characters | Syllables | Syllables and tones | CPU s per s |\n|---|---|---|---|---|")
    for mixture in mixtures:
        engine = KokoroEngine(replace(settings, voice=tuple(mixture.split("+"))))
        engine.load()
        start_s = process_time()
        lines = engine.run(SENTENCES)
        cost = (process_time() - start_s) / sum(len(line.samples) / 8000 for line in lines)
        heard = understood(lines)
        errors = (
            character_error_rate(SENTENCES, heard),
            syllable_error_rate(SENTENCES, heard),
            syllable_error_rate(SENTENCES, heard, tones=True),
        )
        print(f"| {mixture} |", *(f"{each:.1%} |" for each in errors), f"{cost:.2f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["+".join(MANDARIN_STYLE), "jf_nezumi", "jf_alpha"])

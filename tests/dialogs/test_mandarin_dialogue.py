"""A whole call in Mandarin, from a script of its own; the library's Mandarin script comes later."""

import pytest

from dialogs.policy import expectation
from dialogs.prompts import fixed_sayings
from dialogs.script.format import Script
from dialogs.script.load import check_script, load_script
from tests.dialogs.talk import Talk

SCRIPT = """
format: 1
id: huifang-zh
language: zh
agent: {name: 小美, company: 北风家居}
goal: 回访老客户。
disclosure: 您好，我是北风家居的人工智能语音助手小美，本次通话会录音。
trouble: 不好意思，系统出了点问题，我们下次再联系您，再见。
start: ask_name
variables: {surname: {example: 王}}
slots:
  when: {type: datetime}
outcomes: {callback: 约了时间, opted_out: 不再联系, closed: 其他}
no_match: {say: [不好意思，我没听清。, 麻烦您再说一遍，好吗？], goto: close}
silence: {say: [您还在吗？, 喂，能听到我说话吗？], goto: close}
nodes:
  ask_name:
    ask: 请问是{surname}先生吗？
    on: {affirm: ask_when, deny: close}
  ask_when:
    ask: 您什么时候方便接电话？
    capture: {slot: when, goto: done}
  done: {say: '好的，我们{when}再打给您。', end: callback}
  close: {say: 打扰您了，再见。, end: closed}
  close_opt_out: {say: 好的，以后不会再打给您了，再见。, end: opted_out}
global_intents:
  opt_out: close_opt_out
  who_are_you: {say: 我是北风家居的智能助手。}
  are_you_robot: {say: 是的，我是人工智能助手，不是真人。}
  repeat: {say: 好的。}
  call_later: ask_when
  wrong_person: close
  human_please: close
survey:
  after: [callback]
  questions: [{id: satisfaction, ask: 最后请您打个分，一到五分，五分最满意。}]
  no_match: [麻烦您说一个一到五的数字。]
  thanks: 谢谢您，再见。
intents:
  affirm: {examples: [是的, 对, 是我, 没错, 我就是]}
  deny: {examples: [不是, 不对, 没有, 不, 不用]}
  opt_out: {examples: [别再打了, 不要再给我打电话, 把我号码删了, 再打我就投诉, 以后别打了]}
  who_are_you: {examples: [你是谁, 你哪位, 你们是干什么的, 哪里啊, 什么事]}
  are_you_robot: {examples: [你是机器人吗, 你是真人吗, 是人工智能吗, 是录音吗, 你是电脑吧]}
  repeat: {examples: [什么, 没听清, 再说一遍, 你说啥, 啊]}
  call_later: {examples: [晚点再打, 我在忙, 等会儿打给我, 明天再说, 现在不方便]}
  wrong_person: {examples: [打错了, 没这个人, 我不是他, 你找谁, 不认识]}
  human_please: {examples: [转人工, 我要找真人, 叫你们经理来, 人工客服, 找个人跟我说]}
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Script:
    path = tmp_path_factory.mktemp("zh") / "huifang.zh.yaml"
    path.write_text(SCRIPT, encoding="utf-8")
    assert check_script(path) == []
    return load_script(path)


def test_callback_and_survey(script: Script) -> None:
    talk = Talk(script, {"surname": "王"})
    assert talk.said.endswith("请问是王先生吗？")
    assert "12月1日星期二下午3点" in talk.hear("我在忙，下周二下午三点打吧", "call_later")
    assert expectation(script, talk.state).digits == 1
    assert talk.hear("四分吧") == "谢谢您，再见。"
    assert talk.state.outcome == "callback"
    assert talk.state.survey == {"satisfaction": 4}


def test_sentences_are_rendered_one_by_one(script: Script) -> None:
    assert "您还在吗？" in fixed_sayings(script)
    assert "好的，以后不会再打给您了，再见。" in fixed_sayings(script)

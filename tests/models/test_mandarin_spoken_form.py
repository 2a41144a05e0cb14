"""What is said in Mandarin for what is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tts import words_of
from models.tts.mandarin_spoken_form import mandarin_spoken_forms, whole_number


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("每月39.90元，便宜20%。", "每月三十九点九元，便宜百分之二十。"),
        ("请打400-820-8820。", "请打四零零，八二零，八八二零。"),
        ("我的号码是13800138000", "我的号码是一三八零零一三八零零零"),
        ("2026年3月15日", "二零二六年三月十五日"),
        ("2026-03-15送到", "二零二六年三月十五日送到"),
        ("下午2:30或14:05，还是9:00？", "下午两点半或十四点零五分，还是九点？"),
        ("2个月2元2月", "两个月两元二月"),
        ("¥1,200和$2", "一千两百元和两美元"),
        ("12个月，100天，3-5天，第2次", "十二个月，一百天，三到五天，第二次"),
        ("用了300kWh", "用了三百千瓦时"),
        ("AI助手，您好", "AI助手，您好"),
        ("0.5%的人，007号", "百分之零点五的人，零零七号"),
        # From ... to
        ("大约10-15天，15～20分钟", "大约十到十五天，十五到二十分钟"),
        ("每月10-20号，第2-3天", "每月十到二十号，第二到三天"),
        ("100-200元，1,000-2,000元，10000-20000元", "一百到两百元，一千到两千元，一万到两万元"),
        ("2020-2025年，2-3个月，1.5-2.5倍", "二零二零到二零二五年，两到三个月，一点五到二点五倍"),
        ("9:00-18:00，9-10:30", "九点到十八点，九到十点半"),
        ("10%-20%，10-20%", "百分之十到百分之二十，百分之十到百分之二十"),
        ("¥10-20，¥10-¥20", "十到二十元，十元到二十元"),
        ("8点-10点，8点半-10点", "八点到十点，八点半到十点"),
        ("3月5日-8日，3个月-6个月", "三月五日到八日，三个月到六个月"),
        ("5-10kg，5kg-10kg", "五到十公斤，五公斤到十公斤"),
        ("2026-03-15~2026-03-20", "二零二六年三月十五日到二零二六年三月二十日"),
        # Below zero
        ("气温-5℃，温度-5度", "气温零下五摄氏度，温度零下五度"),
        ("-10~-5℃，5℃-10℃", "零下十到零下五摄氏度，五摄氏度到十摄氏度"),
        ("余额-5元，涨幅-5%", "余额负五元，涨幅负百分之五"),
        # Amounts and phone numbers
        ("金额5000000元", "金额五百万元"),
        ("1234567个，5000000kWh", "一百二十三万四千五百六十七个，五百万千瓦时"),
        ("13800138000周一到周五", "一三八零零一三八零零零周一到周五"),
        ("0755-88881234周一", "零七五五，八八八八一二三四周一"),
        ("400-8208820，8888-1234", "四零零，八二零八八二零，八八八八，一二三四"),
        ("+86-13800138000", "八六，一三八零零一三八零零零"),
        ("A12-34，COVID-19", "A一二，三四，COVID-十九"),
    ],
)
def test_spoken_form(written: str, said: str) -> None:
    assert "".join(mandarin_spoken_forms(words_of(written))) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "零"), (10, "十"), (12, "十二"), (20, "二十"), (105, "一百零五"), (110, "一百一十"),
        (200, "两百"), (2222, "两千两百二十二"), (1001, "一千零一"), (10_000, "一万"), (20_050, "两万零五十"),
        (100_000, "十万"), (102_000, "十万两千"), (10_001_000, "一千万一千"), (200_000_003, "两亿零三"),
    ],
)  # fmt: skip
def test_whole_numbers(value: int, said: str) -> None:
    assert whole_number(value) == said


@given(st.integers(0, 10**12 - 1))
def test_a_number_can_be_read_back(value: int) -> None:
    total = part = 0
    digit = 0
    for c in whole_number(value).replace("两", "二"):
        if c in "零一二三四五六七八九":
            digit = "零一二三四五六七八九".index(c)
        elif c in "亿万":
            total, part, digit = total + (part + digit) * (10**8 if c == "亿" else 10**4), 0, 0
        else:
            part, digit = part + (digit or 1) * {"十": 10, "百": 100, "千": 1000}[c], 0
    assert total + part + digit == value


@given(st.text(alphabet="0123456789-~.,:：%￥¥℃+/A天元点第年度 ", max_size=20))
def test_whatever_is_written_all_digits_are_said(written: str) -> None:
    words = words_of(written)
    forms = mandarin_spoken_forms(words)
    assert len(forms) == len(words)
    assert not any(c.isdigit() for form in forms for c in form)


def test_there_is_one_form_for_each_word() -> None:
    words = words_of("您好，AI在2026年3月给您39.9元。 OK?")
    assert len(mandarin_spoken_forms(words)) == len(words)
    assert mandarin_spoken_forms([]) == []

"""In which code page a zip's file names are, where the zip does not say: told by evidence, over all its names.

Each code page is taken for the writer's, and what the names would cost to write down in the language that goes with
it is added up, in bits. The cheapest explanation of the same bytes is taken. The costs are rough: a few hundred common
characters of a language share most of its text, and what no file name holds (box drawings, rare ideographs, Cyrillic
letters within Latin words) is dear.
"""

# letters of many scripts stand here on purpose
# ruff: noqa: RUF001

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise

UTF8 = "utf-8"
OLDEST = "cp437"
"""What a zip without any other word means (APPNOTE, appendix D). It reads every byte."""
PAGES = (OLDEST, "cp850", "cp1252", "cp866", "cp1251", "cp932", "gbk", "cp949")
"""The code pages that are told apart, as Python names them; of two that explain the names alike the first is taken."""

ASCII_BITS = 5.0
RARE_BITS = 21.0
TOUCHING_BITS = 5.0
"""For an ideograph or a Hangul syllable right beside a Latin letter."""
MIXED_BITS = 8.0
"""For a Cyrillic letter right beside a Latin one."""
LOOKED_AT = 64 << 10
"""So many bytes of names are enough to tell by."""
SURELY = 3
"""So many characters beyond ASCII in one name are not UTF-8 by chance."""

KANJI = (
    "日一国会人年大十二本中長出三同時政事自行社見月分議後前民生連五発間対上部東者党地合市業内相方四定今回新場金員九入選立開手米力学問高代明実円関決子動京"
    "全目表戦経通外最言氏現理調体化田当八六約主題下首意法不来作性的要用制治度務強気小七成期公野協取都和統以機平総加山思家話世受区領多県続進正安設保改数記院女"
    "初北午指権心界支第産結百派点教報済書府活原先共得解名交資予川向際査勝面委告軍文反元重近千考判認画海参売利組知案道信策集在件団別物側任引使求所次水半品昨論計"
    "料無番答紙試験名前氏住所票申込写真画像白黒色横縦左右頁枚枠欄数字読取済印章検査票採点科算語英社級組席欠西南島"
)
HANZI = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分"
    "还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产"
    "或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目"
    "太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交"
    "规万取拉格望觉术领共确传师观清今切院让识候带导争运扫描图片档页班级试卷答题卡成绩语英姓名号码副本夹复印调查问初始左右单双语亚利伊尼兰巴加拿马尔克洲岛群阿布拉罗卡"
)
SYLLABLES = (
    "이다는의에가고을하지사한기로어아리은자나도그시인서해라일스대수정을제게보전주들있과니부으만구상여원세유소성동우장모안오비마드관것면국공무연위적조신학년"
    "거말선치개발생용러트때회금문후방경실화행물중미진간식분당내람음요려었와민력출차양임체점결계작반노통본외노야계하단번호답험지스캔폴더새파엽영어수업반급이름첨부직"
    "과표설문조사서류카네토프크르키타바코레베데페버루포랜란터남북섬알슬공군앙티브르츠즈엘콩랍린"
)
RUSSIAN = {
    letter: bits
    for bits, letters in {
        3.3: "ое", 3.7: "аин", 4.0: "тс", 4.5: "рвл", 5.0: "кмдп", 5.6: "уяыь", 6.1: "гзб", 6.4: "чйхжш", 7.5: "юцщ",
        8.5: "эф", 10.5: "ъё", 9.0: "ії", 11.0: "єґў",
    }.items()
    for letter in letters
}  # fmt: skip
LATIN = {
    letter: bits
    for bits, letters in {
        7.5: "éäöüß", 8.5: "áóíçèàãñêåøæ", 9.5: "âôîïëûùúõìòœ", 9.2: "ÄÖÜÉ", 12.0: "ÅØÆÁÓÍÇÈÀÂÊÑÎÚÔý",
        13.5: "ÿðþÐÞÝÃÕËÏÙÛÒÌšžŠŽºª°–’",
    }.items()
    for letter in letters
}  # fmt: skip


def code_page(names: Iterable[bytes]) -> str:
    """The code page of PAGES, or UTF8, that explains best all these names, of which the zip does not say it.

    UTF8 where there is none but what reads as that; of very many others the first LOOKED_AT bytes are weighed.
    """
    others: dict[bytes, None] = {}
    left = LOOKED_AT
    for name in names:
        if name not in others and not name.isascii() and not _is_utf8(name):
            others[name] = None
            left -= len(name)
            if left <= 0:
                break
    if not others:
        return UTF8
    return min(PAGES, key=lambda page: sum(_cost(name, page) for name in others))


def decode_name(raw: bytes, page: str) -> str:
    """The name; in a zip of another ``page`` UTF-8 all the same where it surely is. What does not fit the page is read
    as the oldest, which reads every byte."""
    if raw.isascii() or _is_utf8(raw, at_least=1 if page == UTF8 else SURELY):
        return raw.decode(UTF8)
    try:
        return raw.decode(OLDEST if page == UTF8 else page)
    except UnicodeDecodeError:
        return raw.decode(OLDEST)


def _is_utf8(raw: bytes, at_least: int = 1) -> bool:
    try:
        text = raw.decode(UTF8)
    except UnicodeDecodeError:
        return False
    return sum(letter > "\x7f" for letter in text) >= at_least


def _cost(raw: bytes, page: str) -> float:
    """Bits of the name if it is of that code page."""
    try:
        text = raw.decode(page)
    except UnicodeDecodeError:
        # a tool may have put in or cut off a byte: bad, and no proof
        return 4 * RARE_BITS + 2 * ASCII_BITS * len(raw)
    bits = COSTS[page](text)
    return bits + sum(_beside(before, after, page) for before, after in pairwise(text))


def _beside(before: str, after: str, page: str) -> float:
    """What it costs that the one letter stands beside the other."""
    if before.isascii() == after.isascii():
        return 0.0
    latin, other = (before, after) if before.isascii() else (after, before)
    if not latin.isalpha() or not other.isalpha():
        return 0.0
    if page in ("cp932", "gbk", "cp949"):
        return TOUCHING_BITS
    return MIXED_BITS if page in ("cp866", "cp1251") else 0.0


def _ideographic(character_bits: Callable[[str], float]) -> Callable[[str], float]:
    def bits(text: str) -> float:
        return sum(ASCII_BITS if letter.isascii() else character_bits(letter) for letter in text)

    return bits


@cache
def _japanese(letter: str) -> float:
    if "ぁ" <= letter <= "ん" or "ァ" <= letter <= "ー":
        return 8.0
    if letter in KANJI:
        return 10.0
    if "０" <= letter <= "ｚ" or letter in "（）・、。「」【】々　－～":
        return 11.0
    if "ｦ" <= letter <= "ﾟ":
        return 9.0
    lead = letter.encode("cp932")[0]
    return 14.0 if 0x88 <= lead <= 0x97 else 18.0 if 0x81 <= lead <= 0x9F else RARE_BITS


@cache
def _chinese(letter: str) -> float:
    if letter in HANZI:
        return 9.5
    lead, trail = letter.encode("gbk")
    if trail < 0xA1 or lead < 0xA1:
        return RARE_BITS
    if lead in (0xA1, 0xA3):
        return 12.0
    return 13.5 if 0xB0 <= lead <= 0xD7 else 17.0


@cache
def _korean(letter: str) -> float:
    if letter in SYLLABLES:
        return 8.2
    lead, *rest = letter.encode("cp949")
    if not rest or rest[0] < 0xA1 or lead < 0xA1:
        return RARE_BITS
    if lead in (0xA1, 0xA3):
        return 13.0
    return 13.0 if 0xB0 <= lead <= 0xC8 else 20.0


def _cyrillic(text: str) -> float:
    bits, before = 0.0, " "
    for letter in text:
        small = letter.lower()
        if letter.isascii():
            bits += ASCII_BITS
        elif small not in RUSSIAN:
            bits += 10.0 if letter in "№«»–—" else RARE_BITS
        else:
            bits += RUSSIAN[small]
            if letter != small:
                # a capital begins a word, or follows another
                bits += 9.0 if before != before.upper() else 2.0
            elif before.isalpha() and before == before.upper() and not before.isascii():
                bits += 1.0
        before = letter
    return bits


def _western(text: str) -> float:
    bits, before = 0.0, "a"
    for letter in text:
        if letter.isascii():
            bits += ASCII_BITS
        else:
            bits += LATIN.get(letter, RARE_BITS)
            if letter == "ß" and not before.isalpha():
                bits += RARE_BITS
            if not before.isascii():
                bits += 4.0
            if letter.isupper() and before.islower():
                bits += 4.0
        before = letter
    return bits


COSTS: dict[str, Callable[[str], float]] = {
    **dict.fromkeys(("cp437", "cp850", "cp1252"), _western),
    **dict.fromkeys(("cp866", "cp1251"), _cyrillic),
    "cp932": _ideographic(_japanese),
    "gbk": _ideographic(_chinese),
    "cp949": _ideographic(_korean),
}

"""What a file name would cost to write down, in bits, in the languages that go with a code page.

The costs are rough: letters have those of usual texts, a few hundred common characters share most of the text of
a language that has thousands, and what no file name holds (box drawings, rare ideographs, Cyrillic letters within Latin
words) is dear.
"""

# letters of many scripts stand here on purpose
# ruff: noqa: RUF001

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from itertools import pairwise

ASCII_BITS = 5.0
RARE_BITS = 21.0
FOREIGN_BITS = 19.0
"""For a Latin letter of another language."""
TOUCHING_BITS = 5.0
"""For an ideograph or a Hangul syllable right beside a Latin letter."""
MIXED_BITS = 8.0
"""For a letter of another alphabet right beside a Latin one."""
MISPLACED_BITS = 8.0
"""For a letter where none of its kind stands: a final one within a word, a vowel sign behind none."""

Letters = Mapping[str, float]
"""Bits of each letter of a language, in lower case."""
Cost = Callable[[str], float]


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
TRADITIONAL = (
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天"
    "分還進好小部其些主樣理心她本前開但因只從想實日軍者意無力它與長把機十民第公此已工使情明性知全三又關點正業外將兩高間由問很最重並物手應戰向頭文體政美相見被利什"
    "二等產或新己制身果加西斯月話合回特代內信表化老給世位次度門任常先海通教兒原東聲提立及比員解水名真論處走義各入幾口認條平系氣題活爾更別打女變四神總何電數安少報"
    "才結反受目太量再感建務做接必場件計管期市直德資命山金指克許統區保至隊形社便空決治展馬科司五基眼書非則聽白卻界達光放強即像難且權思王象完設式色路記南品住告類求"
    "據程北邊死張該交規萬取拉格望覺術領共確傳師觀清今切院讓識候帶導爭運掃描圖片檔頁班級試卷答卡績語英姓號碼副夾複印調查初始左右單雙語亞伊尼蘭巴拿洲島群阿布羅臺灣"
    "七六八九零年級測驗題"
)
SYLLABLES = (
    "이다는의에가고을하지사한기로어아리은자나도그시인서해라일스대수정을제게보전주들있과니부으만구상여원세유소성동우장모안오비마드관것면국공무연위적조신학년"
    "거말선치개발생용러트때회금문후방경실화행물중미진간식분당내람음요려었와민력출차양임체점결계작반노통본외노야계하단번호답험지스캔폴더새파엽영어수업반급이름첨부직"
    "과표설문조사서류카네토프크르키타바코레베데페버루포랜란터남북섬알슬공군앙티브르츠즈엘콩랍린"
)


def _letters(bits: Mapping[float, str]) -> Letters:
    return {letter: cost for cost, letters in bits.items() for letter in letters}


RUSSIAN = _letters(
    {
        3.3: "ое", 3.7: "аин", 4.0: "тс", 4.5: "рвл", 5.0: "кмдп", 5.6: "уяыь", 6.1: "гзб", 6.4: "чйхжш", 7.5: "юцщ",
        8.5: "эф", 10.5: "ъё", 9.0: "ії", 11.0: "єґў",
    }
)  # fmt: skip
GREEK = _letters(
    {
        3.3: "αο", 3.7: "ιετ", 4.0: "νσ", 4.4: "ηρπκς", 4.9: "μυλ", 5.5: "ίόω", 5.9: "γδάέ", 6.4: "θχφήύ", 7.0: "βώ",
        8.0: "ζξ", 9.5: "ψϊ", 12.0: "ϋΐΰ",
    }
)  # fmt: skip
HEBREW = _letters(
    {3.2: "יוה", 3.8: "לא", 4.2: "רתמבש", 5.0: "נםעדחקכ", 6.0: "פסטןגזצ", 7.5: "ך", 8.5: "ףץ", 11.0: "׳״"}
)
ARABIC = _letters(
    {
        3.1: "ال", 3.8: "ي", 4.1: "مونر", 4.5: "تب", 4.9: "ةعدسفه", 5.4: "كق", 5.8: "أح", 6.3: "جشصطخ", 6.8: "إىضذز",
        7.3: "ثئغء", 8.8: "ظؤآ", 10.0: "پچژگ", 12.0: "،؟",
    }
)  # fmt: skip
THAI = _letters(
    {
        4.0: "านรอ", 4.5: "กเง่", 4.9: "มยวลั้ี", 5.3: "ทิสตดบ", 5.6: "คหปแ", 6.0: "จะพข", 6.4: "ชใไโืุู์",
        7.2: "็ผำถซธศณึ", 8.0: "ญภษฟ", 9.3: "ฝฉฐฮๆ", 11.0: "ฤฏฎฑฒฆฬฌ๊๋๐๑๒๓๔๕๖๗๘๙",
    }
)  # fmt: skip
LATIN = {
    letter: bits
    for bits, letters in {
        7.5: "éäöüß", 8.5: "áóíçèàãñêåøæ", 9.5: "âôîïëûùúõìòœ", 9.2: "ÄÖÜÉ", 12.0: "ÅØÆÁÓÍÇÈÀÂÊÑÎÚÔý",
        13.5: "ÿðþÐÞÝÃÕËÏÙÛÒÌšžŠŽºª°–’",
    }.items()
    for letter in letters
}  # fmt: skip
FOREIGN = _letters({12.0: "äöüßéáóíçèàãñåøæ"})
"""In names of people and places of other languages of the west."""
WEST = tuple(
    {**FOREIGN, **_letters(own)}
    for own in (
        {7.2: "äüö", 8.0: "ß", 10.0: "é"},
        {5.2: "é", 7.2: "èàç", 8.5: "êôîïâëûùœ"},
        {5.8: "óíáé", 7.0: "ñú", 10.0: "üç"},
        {5.8: "áéíó", 6.3: "ãç", 8.0: "õêâúàô"},
        {6.0: "åäöøæ", 8.5: "éü"},
        {6.3: "ëï", 7.5: "éöüè"},
        {6.5: "àèéìòù"},
    )
)
"""German, French, Spanish, Portuguese, the languages of Scandinavia, Dutch and Italian."""
ICELANDIC = _letters({5.8: "áðíó", 6.8: "éúæöý", 8.0: "þ"})
POLISH = _letters({6.5: "łóąę", 7.2: "śżćń", 8.5: "ź"})
CZECH = _letters({5.8: "áíé", 6.5: "ěýčšžř", 7.3: "ů", 9.0: "úň", 10.5: "ťďóöü"})
SLOVAK = _letters({5.8: "áí", 6.5: "éýčšž", 7.5: "úľ", 9.0: "ťôäňó", 10.5: "ďĺŕöü"})
HUNGARIAN = _letters({5.2: "áé", 6.6: "óöőí", 7.6: "üúű"})
CROATIAN = _letters({6.8: "čš", 7.3: "žć", 8.5: "đ"})
ROMANIAN = _letters({5.5: "ă", 7.0: "îşţâ"})
TURKISH = _letters({5.5: "ı", 6.5: "şüğçö", 8.0: "İ", 12.0: "âîû"})
LITHUANIAN = _letters({6.5: "ėųš", 7.0: "žčū", 8.0: "ąįę"})
LATVIAN = _letters({5.5: "āī", 6.5: "ēš", 7.5: "ūņž", 8.5: "čļķ", 9.5: "ģ"})
ESTONIAN = _letters({6.0: "õ", 7.5: "äüö", 9.0: "šž"})
CENTRAL = (POLISH, CZECH, SLOVAK, HUNGARIAN, CROATIAN, ROMANIAN)
BALTIC = (LITHUANIAN, LATVIAN, ESTONIAN)
CAPITAL_BITS = 4.5
FINAL = "ςםןץףך"
"""They end words."""
ENDINGS = "ºª°"
"""No letter stands behind them."""
NASAL = {"ã": "oe", "õ": "e"}
"""In the west mostly such a letter stands behind them."""
NASAL_BITS = 5.0
SIGNS = "ะัาำิีึืฺุู็่้๊๋์ํ๎"
"""They stand behind a consonant or another sign."""


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


@cache
def _traditional(letter: str) -> float:
    if letter in TRADITIONAL:
        return 9.5
    code = letter.encode("cp950")
    if len(code) == 1:
        return RARE_BITS
    if code[0] in (0xA1, 0xA2):
        return 12.0
    return 13.5 if 0xA4 <= code[0] <= 0xC6 else 17.0


def cyrillic(text: str) -> float:
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


def alphabet(letters: Letters) -> Cost:
    """Of a script that is not Latin; it may have no capitals."""

    def bits(text: str) -> float:
        total, before = 0.0, " "
        for letter in text:
            small = letter.lower()
            if letter.isascii():
                total += ASCII_BITS
            else:
                total += letters.get(small, RARE_BITS)
                if letter != small:
                    total += 9.0 if before != before.upper() else 2.0
                elif letter in SIGNS and before not in letters:
                    total += MISPLACED_BITS
            if before in FINAL and small in letters:
                total += MISPLACED_BITS
            before = letter
        return total

    return bits


def western(text: str) -> float:
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
        if before in ENDINGS and letter.isalpha():
            bits += MISPLACED_BITS
        before = letter
    return bits + nasals(text)


def of_the_west(letters: Letters) -> Cost:
    """As ``latin``, of one of WEST."""
    own = latin(letters)
    return (lambda text: own(text) + nasals(text)) if NASAL.keys() <= letters.keys() else own


def latin(letters: Letters) -> Cost:
    """Of a language that has more letters beyond ASCII, and other ones, than those of ``western``."""

    capitals = {letter.upper(): cost + CAPITAL_BITS for letter, cost in letters.items()}
    both = {**capitals, **letters}

    def bits(text: str) -> float:
        total, before = 0.0, "a"
        for letter in text:
            if letter.isascii():
                total += ASCII_BITS
            else:
                total += both.get(letter) or _foreign(letter)
                if not before.isascii():
                    total += 1.5
                if letter.isupper() and before.islower():
                    total += 4.0
            before = letter
        return total

    return bits


@cache
def _foreign(letter: str) -> float:
    """Of a letter that the language has not: names of other languages are likelier than signs and boxes."""
    return FOREIGN_BITS if unicodedata.name(letter, "").startswith("LATIN") else RARE_BITS


def nasals(text: str) -> float:
    """For letters that Portuguese alone has of the languages of the west, where it would not have them."""
    pairs = pairwise(text.lower() + " ")
    return NASAL_BITS * sum(letter in NASAL and after not in NASAL[letter] for letter, after in pairs)


def beside(text: str, apart: float) -> float:
    """``apart`` bits for each place at which a letter of another script stands right beside a Latin one."""
    return sum(apart for before, after in pairwise(text) if _mixed(before, after)) if apart else 0.0


def _mixed(before: str, after: str) -> bool:
    return before.isascii() is not after.isascii() and before.isalpha() and after.isalpha()


japanese, chinese = _ideographic(_japanese), _ideographic(_chinese)
traditional, korean = _ideographic(_traditional), _ideographic(_korean)


WRITTEN = (
    ("\u0300", "\u036f"),
    ("\u2010", "\u2122"),
    ("\u3000", "\u9fff"),
    ("\uac00", "\ud7a3"),
    ("\U0001f300", "\U0001faff"),
)
"""Accents of names from a Mac, punctuation, ideographs, kana, Hangul, and emoji."""


@cache
def _of_any(letter: str) -> float:
    if letter.isascii():
        return ASCII_BITS
    small = letter.lower()
    alphabets = (RUSSIAN, GREEK, HEBREW, ARABIC, THAI, LATIN, *CENTRAL, TURKISH, *BALTIC)
    known = [letters[small] for letters in alphabets if small in letters]
    if known:
        return max(7.5, min(known)) + CAPITAL_BITS * (letter != small)
    if letter in KANJI or letter in HANZI or letter in TRADITIONAL or letter in SYLLABLES:
        return 10.0
    likely = any(first <= letter <= last for first, last in WRITTEN)
    return 15.0 if likely else RARE_BITS * len(letter.encode()) / 2


def any_language(text: str) -> float:
    """Of a name in UTF-8, which tells nothing of its language."""
    return sum(map(_of_any, text))

"""Devices as they name themselves, by brand, family and generation. Pure data.

Names are built the way each maker builds them, so a family's are alike but for a model number and a sales region.
Which of a family's names are common is this population's choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from traffic_sim.population.choices import zipf_weights

BUDGET, MIDDLE, FLAGSHIP = 0, 1, 2
IOS, ANDROID = 0, 1


@dataclass(frozen=True)
class Family:
    """Devices of one line: alike in price, and in how their users behave."""

    name: str
    platform: int
    price_tier: int
    weight: float
    """Share among the platform's devices, before normalising."""
    pattern: str
    """How a device of the family names itself: `{}` for the model, a second one for the region."""
    models: str
    regions: str = ""

    def devices(self) -> list[str]:
        # Regions vary slowest, so that each model has a common name before any has its rare ones.
        parts = product(self.regions.split("|"), self.models.split("|"))
        return [self.pattern.format(model, region) for region, model in parts]


_SAMSUNG: Final = "F|G|FD|U|A|V|T|P|W8|0|8|S|K|L|N|I|M|DS|R4|X|Y|H"
_HUAWEI: Final = "LX1|L21|L29|LX2|L22|LX3|L23|L01|L02|L03|L04|L09|L11|L31|AL00|AL10|TL00|CL00"
_LG: Final = "|g|ar|f|ds|n|TR|MS|PR|k|MT"
_EMPTY_OR: Final = "| Plus| Play| Dual| Prime| Pro| XT"

FAMILIES: Final = (
    Family("iPhone, before 2015", IOS, BUDGET, 15, "iPhone{}", "7,2|6,2|7,1|6,1|5,2|5,3|5,4|5,1"),
    Family("iPhone, 2015 to 2016", IOS, MIDDLE, 30, "iPhone{}", "8,1|9,3|9,4|8,4|8,2|9,1|9,2"),
    Family("iPhone, from 2017", IOS, FLAGSHIP, 33, "iPhone{}", "10,6|10,4|11,8|10,5|10,3|11,6|11,2|10,1|10,2|11,4"),
    Family("iPad", IOS, MIDDLE, 15, "iPad{}", "6,11|5,3|7,5|4,1|5,1|6,12|4,4|5,4|7,6|4,2|5,2|4,5|4,7|3,4|2,5|3,1|2,1"),
    Family("iPad Pro", IOS, FLAGSHIP, 5, "iPad{}", "7,3|6,3|7,1|6,7|7,4|6,4|6,8|7,2|8,1|8,5|8,3|8,7|8,2|8,6|8,4|8,8"),
    Family("iPod touch", IOS, BUDGET, 2, "iPod{}", "7,1|5,1"),
    Family("Galaxy S", ANDROID, FLAGSHIP, 14, "SM-G9{}{}", "50|60|30|35|65|55|20|25|00|28|01|06", _SAMSUNG),
    Family("Galaxy Note", ANDROID, FLAGSHIP, 5, "SM-N9{}{}", "50|60|20|10|00|05|15|35|30|16", _SAMSUNG),
    Family(
        "Galaxy A",
        ANDROID,
        MIDDLE,
        12,
        "SM-A{}{}",
        "520|320|530|510|310|600|720|750|605|730|500|300|710|810|910|700",
        _SAMSUNG,
    ),
    Family(
        "Galaxy J",
        ANDROID,
        BUDGET,
        18,
        "SM-J{}{}",
        "530|330|730|510|320|710|701|250|600|500|700|810|260|610|327|400|415|737|120|110|200|727|337|720|111|106|105|100",
        _SAMSUNG,
    ),
    Family(
        "Galaxy Tab",
        ANDROID,
        MIDDLE,
        5,
        "SM-T{}{}",
        "580|560|280|585|550|510|285|813|820|350|380|590|810|830|377|230|113|385|561|710|815|800|555|330|110|235|520|720",
        "||Y|U|N|NU|A|C|K0|V|R",
    ),
    Family("Galaxy Grand", ANDROID, BUDGET, 5, "SM-G{}{}", "532|570|610|531|530|360|361|355|313|318|800|850", _SAMSUNG),
    Family(
        "Huawei P and Mate",
        ANDROID,
        FLAGSHIP,
        5,
        "{}-{}",
        "EML|CLT|VTR|EVA|ALP|BLA|MHA|VKY|LYA|HMA|VIE|STF|COL|BKL|EVR",
        _HUAWEI,
    ),
    Family(
        "Huawei lite and Honor",
        ANDROID,
        MIDDLE,
        7,
        "{}-{}",
        "ANE|FIG|WAS|RNE|PRA|SNE|BND|INE|ALE|VNS|PAR|LLD|FRD|NEM|JSN|POT|PIC|BLN",
        _HUAWEI,
    ),
    Family(
        "Huawei Y",
        ANDROID,
        BUDGET,
        4,
        "{}-{}",
        "DUB|DRA|CAG|TRT|MYA|FLA|LDN|CUN|TIT|LYO|SCL|AGS|BAH|KOB|CRO|SLA|CHM|JKM",
        _HUAWEI,
    ),
    Family(
        "Xiaomi Redmi",
        ANDROID,
        BUDGET,
        9,
        "Redmi {}{}",
        "Note 4|5A|Note 5|4X|6A|4A|5|Note 3|6|3S|Note 6|4|3|Y2|S2|Y1|2|Note 4X|Note 5A|Note 2|Go",
        _EMPTY_OR,
    ),
    Family(
        "Xiaomi Mi", ANDROID, MIDDLE, 4, "M{}", "i A1|i A2|I 6|i A2 Lite|I 5|I 8|I 8 Lite|I MAX|I MAX 2|I 5s|I 4i|I 9"
    ),
    Family(
        "Moto",
        ANDROID,
        MIDDLE,
        4,
        "Moto {}{}",
        "G (5)|G (4)|G (5S)|Z2|X (4)|Z (2)|G (6)|Z3|G3|G 2014|X Style",
        _EMPTY_OR,
    ),
    Family("moto", ANDROID, BUDGET, 3, "moto {}{}", "e5|g(6)|e(4)|c|e(5)|g(7)|e6|x4|z3", _EMPTY_OR),
    Family(
        "LG K and X",
        ANDROID,
        BUDGET,
        3,
        "LG-{}{}",
        "K430|K350|X230|M250|M320|X210|K120|M151|K100|X240|M700|SP200|K220|K520|X400|K240|MP260|K500|X150|H340",
        _LG,
    ),
    Family("LG G and V", ANDROID, FLAGSHIP, 2, "LG-{}{}", "H870|H850|H815|H930|D855|H990|G710|H870|H960|D802|V30", _LG),
    Family("Xperia XZ", ANDROID, FLAGSHIP, 1, "{}{}", "G8341|F8331|G8441|H8216|E6653|H8266|E5823|F8131", "||0|S"),
    Family(
        "Xperia XA", ANDROID, MIDDLE, 2, "{}{}", "F3111|G3121|H3113|G3112|E2303|F5121|H4113|H3213|G3311|D2303|C6903"
    ),
    Family(
        "OPPO",
        ANDROID,
        BUDGET,
        5,
        "CPH{}{}",
        "1723|1803|1701|1729|1609|1605|1717|1801|1909|1725|1819|1823|1827|1835|1837|1851|1853|1859|1871|1877|1881|1893",
        "|EX",
    ),
    Family(
        "vivo",
        ANDROID,
        BUDGET,
        5,
        "vivo {}{}",
        "1606|1714|1724|1718|1610|1601|1603|1609|1611|1612|1713|1716|1719|1723|1726|1727|1801|1802|1803|1804|1806|1807|1808",
        "|A|L",
    ),
    Family(
        "Lenovo",
        ANDROID,
        BUDGET,
        3,
        "Lenovo {}{}",
        "TB-X304|TB-7304|TB3-710|K33a|A6020|TB-8504|A2010|K53a|P2a|K10a|TB-X103|A7010|K52|A1000|TB-7504|A6000|K8|K6|A536",
        "F|L|X|42|40|48|-a|I",
    ),
    Family(
        "Zenfone",
        ANDROID,
        MIDDLE,
        2,
        "ASUS_{}{}",
        "X00D|X008|Z012|X017|Z01K|X00T|Z00L|X009|X018|X00I|Z010|Z00A|X01A|X00R|Z017|X00P|Z016|T00J",
        "D|DA|DC|S|DD|DB|DE",
    ),
    Family(
        "Alcatel",
        ANDROID,
        BUDGET,
        3,
        "{}{}",
        "5033|4034|5045|5010|5044|5059|4013|5085|8050|5056|6060|4009|5070|8082|9001|9008|5026|4047|4049|6055|8063",
        "D|X|Y|A|G|J|W|T|M|I|F|E|S|R|N",
    ),
    Family(
        "Nokia",
        ANDROID,
        MIDDLE,
        2,
        "{}{}",
        "TA-10|TA-11|Nokia |Nokia X",
        "32|24|12|53|21|3|5|6|1|7|00|20|33|38|41|52|8|2",
    ),
    Family(
        "ZTE",
        ANDROID,
        BUDGET,
        2,
        "{}{}",
        "Z9|Z8|ZTE BLADE V|ZTE BLADE A|ZTE B2|N9",
        "81|35|99VL|52|82|560|33|71|0310|56|17|62|88|2017|016|10|63|51|120|602|87|020|06",
    ),
    Family(
        "Tecno and Infinix",
        ANDROID,
        BUDGET,
        3,
        "{}{}",
        "TECNO |TECNO K|TECNO C|TECNO W|Infinix X|itel ",
        "5|7|8|3|4|2|10|606|608|572|573|556|653|510|559|5571|521|604|A15|A16|S11|S31|P32|1506|1508|6|9|11",
    ),
    Family(
        "Micromax and others",
        ANDROID,
        BUDGET,
        2,
        "{}{}",
        "Micromax Q|Micromax E|Lava |LYF LS-|Blu |Wiko |BQ-|Cherry |Hisense |Condor |QMobile |Symphony |Evercoss ",
        "402|311|4601|60|40|50|450|505|385|610|77|22|R1|X5|4026|5016|5500L|12|8|301|3310|1000|2000|701|88|99|7|505|6059|510",
    ),
    Family("Pixel", ANDROID, FLAGSHIP, 2, "Pixel{}{}", "| 2| 3", "| XL"),
    Family("OnePlus", ANDROID, FLAGSHIP, 2, "ONEPLUS A{}", "6000|5000|3003|5010|6010|3000|6003|3010|6013|2003|0001"),
    Family(
        "HTC",
        ANDROID,
        MIDDLE,
        2,
        "HTC {}{}",
        "Desire 5|Desire 6|Desire 8|One M|One A|U|10 evo ",
        "30|26|20|9|10|11|8|25|28",
    ),
)


@dataclass(frozen=True, eq=False)
class Catalogue:
    """All devices. Shapes: [n] each; family indexes FAMILIES, whose platform and price tier are repeated per device."""

    names: tuple[str, ...]
    family: NDArray[np.int64]
    platform: NDArray[np.int64]
    price_tier: NDArray[np.int64]
    weight: NDArray[np.float64]


def catalogue() -> Catalogue:
    """Every device of every family once; where two families name one alike, the first keeps it."""
    found: dict[str, tuple[int, float]] = {}
    for index, family in enumerate(FAMILIES):
        names = list(dict.fromkeys(family.devices()))
        for name, share in zip(names, zipf_weights(len(names), 1.1).tolist(), strict=True):
            found.setdefault(name, (index, share * family.weight))
    families, weights = zip(*found.values(), strict=True)
    return Catalogue(
        names=tuple(found),
        family=np.array(families),
        platform=np.array([FAMILIES[index].platform for index in families]),
        price_tier=np.array([FAMILIES[index].price_tier for index in families]),
        weight=np.array(weights),
    )

"""Where users are: ISO 3166-1 codes by how much advertisers pay there. Pure data.

The tiers are the usual three of mobile advertising; which country is in which, and the order within a tier (more
traffic first), is this population's choice.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from traffic_sim.population.choices import zipf_weights

_BY_TIER: Final = (
    "US GB DE JP FR CA AU KR IT NL SE CH NO DK AT BE FI NZ IE SG HK IL LU IS MO",
    (
        "RU BR MX CN ES TR PL TW TH SA ZA AR CL MY RO CZ AE PT GR HU CO UA KW QA SK BG RS HR LT SI LV EE PE CR PA "
        "UY KZ BY OM BH CY MT LB JO PR BN"
    ),
    (
        "IN ID PH VN EG PK BD IR IQ MA DZ NG KE EC VE GT DO TN LK MM NP KH UZ AZ GE BO PY HN SV NI LY GH AM MD AL "
        "BA MK MN ME JM TT SN CI CM TZ UG ET AO ZM ZW MZ MG MU RW BJ BF ML NE TG GA CG CD GN SL LR GM GW MR TD CF "
        "SD SS SO DJ ER BI MW LS SZ NA BW YE SY PS AF TM TJ KG LA MV BT TL PG FJ WS TO VU SB HT CU GY SR BZ BS BB "
        "AG DM GD KN LC VC RE GP MQ GF YT PF NC GU VI AW CW BQ SX MF KY BM TC VG AI MS FO GL AX GI JE GG IM AD MC "
        "SM LI KI FM MH PW NR TV CK AS MP ST CV KM SC GQ"
    ),
)
_TIER_SHARES: Final = (0.45, 0.32, 0.23)

CODES: Final = tuple(code for tier in _BY_TIER for code in tier.split())
TIERS: Final = np.concatenate([np.full(len(codes.split()), tier) for tier, codes in enumerate(_BY_TIER)])
"""int64[n_countries]: 0 pays most, 2 least."""
WEIGHTS: Final = np.concatenate(
    [share * zipf_weights(len(codes.split()), 1.1) for share, codes in zip(_TIER_SHARES, _BY_TIER, strict=True)]
)
"""float64[n_countries], sum 1: the share of impressions."""

"""Rows of a request -> checked columns."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_server.impressions import MISSING_TIME, NAMES, InvalidImpressions, from_records, from_table, to_rows

RECORD = {
    "id": 2977193,
    "timestamp": "2019-01-21T09:00:14Z",
    "campaignId": "c-7",
    "platform": "ios",
    "softwareVersion": "11.4.1",
    "sourceGameId": "g-3",
    "country": "DE",
    "startCount": 32,
    "viewCount": 9,
    "clickCount": 5,
    "installCount": 4,
    "lastStart": "2019-01-21T08:59:34Z",
    "startCount1d": 30,
    "startCount7d": 31,
    "connectionType": "wifi",
    "deviceType": "iPhone8,1",
}
NULLABLE = {"campaignId", "platform", "softwareVersion", "sourceGameId", "country", "lastStart"} | {
    "connectionType",
    "deviceType",
}

texts = st.one_of(st.none(), st.text(max_size=20))
counts = st.integers(0, 2**31 - 1)
times = st.integers(946_684_800, 4_102_444_799).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
)
records = st.fixed_dictionaries(
    {
        name: {
            "id": st.integers(0, 2**53 - 1),
            "timestamp": times,
            "lastStart": st.one_of(st.none(), times),
        }.get(name, counts if "Count" in name else texts)
        for name in NAMES
    }
)


@given(st.lists(records, min_size=1, max_size=8), st.permutations(NAMES))
def test_records_and_tables_in_any_order_of_columns_mean_the_same(rows, names):
    table = [[row[name] for name in names] for row in rows]
    written = [[row[name] for name in NAMES] for row in rows]
    assert to_rows(from_table(table, names)) == to_rows(from_records(rows)) == written


@given(st.lists(records, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_rows_keep_their_order(rows, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    assert to_rows(from_records([rows[i] for i in order])) == to_rows(from_records(rows).take(order))


def findings_of(call, *arguments):
    with pytest.raises(InvalidImpressions) as refused:
        call(*arguments)
    return [(finding.row, finding.column, finding.message) for finding in refused.value.findings]


@pytest.mark.parametrize("column", NAMES)
def test_null_is_legal_exactly_where_the_contract_says(column):
    if column in NULLABLE:
        assert to_rows(from_records([RECORD | {column: None}]))[0][NAMES.index(column)] is None
    else:
        [(row, where, message)] = findings_of(from_records, [RECORD, RECORD | {column: None}])
        assert (row, where) == (1, column)
        assert message.startswith("null; ")


@pytest.mark.parametrize("column", NAMES)
def test_an_absent_key_is_an_error_in_every_column(column):
    without = {name: value for name, value in RECORD.items() if name != column}
    [(row, where, message)] = findings_of(from_records, [RECORD, without])
    assert (row, where) == (1, column)
    assert message.startswith("the key is absent")


def test_zero_null_empty_text_and_an_absent_key_are_four_different_things():
    column = NAMES.index("country")
    assert to_rows(from_records([RECORD | {"country": 0}]))[0][column] == "0"
    assert to_rows(from_records([RECORD | {"country": None}]))[0][column] is None
    assert to_rows(from_records([RECORD | {"country": ""}]))[0][column] == ""
    assert to_rows(from_records([RECORD | {"startCount": 0}]))[0][NAMES.index("startCount")] == 0
    assert from_records([RECORD | {"lastStart": None}]).last_start[0] == MISSING_TIME
    for column in ("startCount", "lastStart", "id"):
        [(_, where, message)] = findings_of(from_records, [RECORD | {column: ""}])
        assert where == column
        assert '""' in message


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("startCount", -1, "-1; a whole number from 0 to 2147483647 is expected"),
        ("startCount", 2**31, "2147483648; a whole number"),
        ("startCount", 1.5, "1.5; a whole number"),
        ("startCount", math.nan, "nan; a whole number"),
        ("startCount", math.inf, "inf; a whole number"),
        ("startCount", "32", 'the text "32"; a whole number from 0 to 2147483647 is expected, without quotes'),
        ("startCount", True, "True; a whole number"),
        ("startCount", [1], "[1]; a whole number"),
        ("id", 10**400, "1000000"),
        ("id", 2**53, "9007199254740992; a whole number"),
        ("timestamp", "2019-02-30T00:00:00Z", '"2019-02-30T00:00:00Z"; an ISO 8601 time in UTC'),
        ("timestamp", 1548061214, "1548061214; an ISO 8601 time in UTC"),
        ("lastStart", "", "null if the user never started an ad"),
        ("country", True, "True; text, a whole number or null is expected"),
        ("country", math.nan, "nan; text"),
        ("country", 1.5, "1.5; text"),
        ("country", {"code": "DE"}, "{'code': 'DE'}; text"),
        ("country", "x" * 257, "text of 257 characters; at most 256"),
    ],
)
def test_a_bad_cell_is_told_with_its_row_and_column_and_what_is_accepted(column, value, said):
    [(row, where, message)] = findings_of(from_records, [RECORD, RECORD, RECORD | {column: value}])
    assert (row, where) == (2, column)
    assert said in message
    assert findings_of(from_table, [[(RECORD | {column: value})[name] for name in NAMES]], NAMES)


def test_a_count_may_be_a_float_without_fraction_since_protobuf_knows_no_integers():
    assert from_records([RECORD | {"startCount": 32.0}]).start_count.tolist() == [32]


def test_every_finding_is_told_at_once():
    bad = RECORD | {"viewCount": -1, "timestamp": "never", "country": False}
    without = {name: value for name, value in RECORD.items() if name != "viewCount"}
    found = {(row, column) for row, column, _ in findings_of(from_records, [bad, without])}
    assert found == {(0, "viewCount"), (0, "timestamp"), (0, "country"), (1, "viewCount")}


def test_a_name_of_any_length_is_cut_short_and_looked_up_once():
    record = RECORD | {"x" * 1_000_000: 1}
    with pytest.raises(InvalidImpressions) as refused:
        from_records([record] * 3000)
    assert len(refused.value.findings) == 3000
    assert len(refused.value.message) < 10_000


def test_a_long_list_of_findings_is_cut_short_and_counted():
    with pytest.raises(InvalidImpressions, match="and 80 more findings") as refused:
        from_records([RECORD | {"startCount": -1}] * 100)
    assert len(refused.value.findings) == 100
    assert len(refused.value.message) < 4_000


@pytest.mark.parametrize(
    ("rows", "names", "said"),
    [
        ([], NAMES, "no rows"),
        ([[1] * 16] * 10_001, NAMES, "10,001 rows; a request holds 1 to 10,000"),
        ([[1] * 16], (), "data.names is missing"),
        ([[1] * 16], (*NAMES[:-1], "devicetype"), "column devicetype: no such column; did you mean deviceType?"),
        ([[1] * 16], (*NAMES[:-1], "install"), "column install: no such column"),
        ([[1] * 15], NAMES[:-1], "column deviceType: missing from the names"),
        ([[1] * 17], (*NAMES, "id"), "column id: named more than once"),
        ([[1] * 16, [1] * 15], NAMES, "row 1: 15 cells for 16 names"),
        ([[1] * 16, 7], NAMES, "row 1: a row is a list of 16 cells, not 7"),
        ("rows", NAMES, 'a list of rows is expected, not "rows"'),
        (None, NAMES, "a list of rows is expected, not null"),
    ],
)
def test_a_table_of_the_wrong_shape_is_refused(rows, names, said):
    with pytest.raises(InvalidImpressions) as refused:
        from_table(rows, names)
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([RECORD | {"startcount": 1}], "row 0, column startcount: no such column; did you mean startCount?"),
        ([RECORD | {"install": 1}], "row 0, column install: no such column"),
        ([RECORD, 5], "row 1: a record is an object"),
        ([], "no rows"),
        (5, "a list of rows is expected, not 5"),
    ],
)
def test_records_of_the_wrong_shape_are_refused(records, said):
    with pytest.raises(InvalidImpressions) as refused:
        from_records(records)
    assert said in refused.value.message

import hashlib

import numpy as np
import pytest

from model_server.impressions import MISSING_TIME, NAMES, to_rows
from model_server.impressions.csv_files import InvalidFile, read_impressions, read_truth
from model_server.impressions.times import ACCEPTED

HEADER = ";".join(NAMES)
ROW = {
    "id": "11",
    "timestamp": "2019-01-21T09:00:14Z",
    "campaignId": "c12",
    "platform": "ios",
    "softwareVersion": "11.4.1",
    "sourceGameId": "1313",
    "country": "NA",
    "startCount": "32",
    "viewCount": "19",
    "clickCount": "5",
    "installCount": "4",
    "lastStart": "2019-01-21T08:59:34Z",
    "startCount1d": "21",
    "startCount7d": "31",
    "connectionType": "wifi",
    "deviceType": "iPhone8,1",
}


def line(**changed):
    return ";".join((ROW | changed).values())


def lines(n, **changed_in_last):
    """A file of n good rows, the last of them changed."""
    rows = [line(id=str(i)) for i in range(n - 1)] + [line(**{"id": "99"} | changed_in_last)]
    return "\n".join([HEADER, *rows]) + "\n"


@pytest.fixture
def read(tmp_path):
    def read_text(content, reader=read_impressions):
        path = tmp_path / "x.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return reader(path)

    return read_text


@pytest.fixture
def message(read):
    def message_of(content, reader=read_impressions):
        with pytest.raises(InvalidFile) as caught:
            read(content, reader)
        return str(caught.value).split("x.csv: ", 1)[1]

    return message_of


def test_a_good_file_is_read_with_its_checksum(read):
    content = lines(3)
    file = read(content)
    assert to_rows(file.impressions)[2] == [
        *(99, "2019-01-21T09:00:14Z", "c12", "ios", "11.4.1", "1313", "NA", 32, 19, 5, 4),
        *("2019-01-21T08:59:34Z", 21, 31, "wifi", "iPhone8,1"),
    ]
    assert file.installs is None
    assert file.sha256 == hashlib.sha256(content.encode()).hexdigest()


def test_columns_may_stand_in_any_order_with_the_label_among_them(read):
    names = [*reversed(NAMES), "install"]
    names.insert(3, names.pop())
    cells = ROW | {"install": "1"}
    file = read(";".join(names) + "\n" + ";".join(cells[name] for name in names))
    assert file.installs.tolist() == [1]
    assert file.installs.dtype == np.int8
    assert file.impressions.start_count_7d.tolist() == [31]


@pytest.mark.parametrize(
    "disguise",
    [
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(lambda text: "\ufeff" + text, id="byte order mark"),
        pytest.param(lambda text: text.rstrip("\n"), id="no line break at the end"),
        pytest.param(lambda text: text.replace("\n", "\n\n") + "\n", id="blank lines"),
        pytest.param(lambda text: text.replace("\n", "\r\n\r\n"), id="blank lines, CRLF"),
        pytest.param(
            lambda text: "\n".join(
                ";".join(f'"{cell}"' for cell in row.split(";")) for row in text.rstrip("\n").split("\n")
            ),
            id="all quoted",
        ),
        pytest.param(lambda text: text.replace(";32;", ";32.0;"), id="whole numbers with a fraction of nothing"),
        pytest.param(lambda text: text.replace("09:00:14Z", "09:00:14.250+00:00"), id="another ISO 8601 form"),
    ],
)
def test_the_same_rows_in_another_guise_are_the_same(read, disguise):
    text = lines(4, lastStart="", connectionType="")
    assert to_rows(read(disguise(text)).impressions) == to_rows(read(text).impressions)


def test_an_empty_cell_is_missing_whether_quoted_or_not(read):
    changed = {"lastStart": "", "country": "", "deviceType": '""'}
    impressions = read(lines(2, **changed)).impressions
    assert impressions.last_start[1] == MISSING_TIME
    assert impressions.country.values() == ["NA", None], "Namibia is no missing value"
    assert impressions.device_type.values() == ["iPhone8,1", None]


def test_quoted_text_may_hold_separators_quotes_and_line_breaks(read):
    impressions = read(lines(2, deviceType='"a;b""c\nd"')).impressions
    assert impressions.device_type.values()[1] == 'a;b"c\nd'


def test_a_quote_within_a_cell_is_text_like_any_other(read):
    assert read(lines(2, deviceType='5" phone')).impressions.device_type.values()[1] == '5" phone'


def test_a_funnel_that_does_not_add_up_is_legal(read):
    assert read(lines(1, viewCount="400")).impressions.view_count.tolist() == [400]


BAD_CELLS = [
    ("startCount", "abc", 'startCount: not a whole number from 0 to 2147483647: 1 line, at line 4 ("abc")'),
    ("startCount", "-1", 'startCount: not a whole number from 0 to 2147483647: 1 line, at line 4 ("-1")'),
    ("startCount", "1.5", 'startCount: not a whole number from 0 to 2147483647: 1 line, at line 4 ("1.5")'),
    ("startCount", "0x1F", 'startCount: not a whole number from 0 to 2147483647: 1 line, at line 4 ("0x1F")'),
    ("startCount", " 7", 'startCount: not a whole number from 0 to 2147483647: 1 line, at line 4 (" 7")'),
    ("startCount", "nan", 'startCount: not a whole number from 0 to 2147483647: 1 line, at line 4 ("nan")'),
    ("startCount", "2147483648", "startCount: not a whole number from 0 to 2147483647: 1 line, at line 4"),
    ("startCount", "9" * 30, "startCount: not a whole number from 0 to 2147483647: 1 line, at line 4"),
    ("startCount", "", "startCount: missing; a whole number from 0 to 2147483647 is expected: 1 line, at line 4"),
    ("id", "9007199254740992", "id: not a whole number from 0 to 9007199254740991: 1 line, at line 4"),
    ("id", "0", 'id: named by an earlier line too: 1 line, at line 4 ("0")'),
    ("timestamp", "2019-02-30T00:00:00Z", "timestamp: not an ISO 8601 time in UTC such as 2019-01-21T09:00:14Z"),
    ("timestamp", "21.01.2019", 'line, at line 4 ("21.01.2019")'),
    ("timestamp", "", "timestamp: missing; an ISO 8601 time"),
    (
        "lastStart",
        "never",
        "lastStart: not an ISO 8601 time in UTC such as 2019-01-21T09:00:14Z, from 2000 to 2099: 1 line",
    ),
    ("deviceType", "x" * 257, "deviceType: longer than 256 characters: 1 line, at line 4"),
]


@pytest.mark.parametrize(("column", "cell", "expected"), BAD_CELLS)
def test_a_bad_cell_is_told_with_its_line_and_what_is_accepted(message, column, cell, expected):
    text = message(lines(3, **{column: cell}))
    assert text.startswith("1 kind of problem in 1 line\n  ")
    assert expected in text


BAD_FILES = [
    ("", "the file is empty"),
    ("\n \n", "the file is empty"),
    (HEADER, "no rows after the header"),
    (HEADER + "\n\n", "no rows after the header"),
    (lines(2).replace(";", ","), "line 1 names none of the columns; expected is a header with id;timestamp;"),
    (line(), "line 1 names none of the columns"),
    (
        lines(2).replace("viewCount", "viewCounts"),
        "viewCounts: no such column; did you mean viewCount?: 1 line, at line 1",
    ),
    (lines(2).replace("viewCount", "viewCounts"), "viewCount: missing from the header"),
    (lines(2).replace("viewCount", "clickCount"), "clickCount: named more than once"),
    (lines(2) + "1;2;3\n", 'not 16 cells, as in the header: 1 line, at line 4 ("3 cells")'),
    (lines(2) + line(id="77") + ";x\n", 'not 16 cells, as in the header: 1 line, at line 4 ("17 cells")'),
    (
        lines(2) + ";" * 15 + "\n",
        "id: missing; a whole number from 0 to 9007199254740991 is expected: 1 line, at line 4",
    ),
    (
        lines(2) + line(id="77", deviceType='"open') + "\n" + line(id="78", deviceType='"again') + "\n" + line(id="79"),
        "a quote is opened and not closed",
    ),
    (lines(2).replace("\n", "\r"), "line 1 is no header"),
    (
        lines(2) + line(id="77", deviceType='"open') + "\n" + line(id="78"),
        "not closed, or stands alone in a quoted cell: 1 line, at line 4",
    ),
    (
        lines(2) + line(id="77", campaignId='"open') + "\n" + line(id="78"),
        "not closed, or stands alone in a quoted cell: 1 line, at line 4",
    ),
    (lines(2).encode().replace(b"iPhone", b"\xe9Phone"), "deviceType: not UTF-8: 2 lines, at line 2"),
    (lines(2).encode().replace(b";32;", b";\xe9;"), "startCount: not a whole number"),
    (lines(2).encode("utf-16"), "line 1 is not UTF-8; save the file as UTF-8 text"),
    (
        lines(2).replace("deviceType", "deviceType;install").replace("8,1\n", "8,1;2\n"),
        'install: not 0 or 1: 2 lines, at line 2 ("2"), 3 ("2")',
    ),
    (
        lines(2).replace("deviceType", "deviceType;install").replace("8,1\n", "8,1;\n"),
        "install: missing; 0 or 1 is expected: 2 lines",
    ),
]


@pytest.mark.parametrize(("content", "expected"), BAD_FILES)
def test_a_bad_file_is_told_for_what_it_is(message, content, expected):
    assert expected in message(content)


def test_all_findings_are_told_at_once_counted_by_kind(message):
    rows = [
        line(id=str(i), startCount="abc" if i % 2 else "3", timestamp="?" if i == 6 else ROW["timestamp"])
        for i in range(14)
    ]
    text = message("\n".join([HEADER, *rows, "1;2", line(id="x")]))
    assert text.split("\n") == [
        "4 kinds of problem in 10 lines",
        '  not 16 cells, as in the header: 1 line, at line 16 ("2 cells")',
        '  id: not a whole number from 0 to 9007199254740991: 1 line, at line 17 ("x")',
        f'  timestamp: not {ACCEPTED}: 1 line, at line 8 ("?")',
        "  startCount: not a whole number from 0 to 2147483647: 7 lines, first at line "
        + ", ".join(f'{odd} ("abc")' for odd in (3, 5, 7, 9, 11)),
    ]


def test_lines_are_counted_through_blank_ragged_and_broken_ones(message):
    rows = [
        line(id="1", deviceType='"two\nlines"'),  # 2 and 3
        "",  # 4
        "short;row",  # 5
        line(id="2", startCount="bad"),  # 6
        'short;"and\nbroken"',  # 7 and 8
        line(id="3", startCount="worse"),  # 9
    ]
    text = message("\n".join([HEADER, *rows]))
    assert 'at line 5 ("2 cells"), 7 ("2 cells")' in text
    assert 'at line 6 ("bad"), 9 ("worse")' in text


def test_a_file_that_is_not_there_or_is_a_folder_is_told(tmp_path):
    with pytest.raises(InvalidFile, match=r"nowhere.csv: 1 kind of problem\n  no such file"):
        read_impressions(tmp_path / "nowhere.csv")
    with pytest.raises(InvalidFile, match="cannot be read: Is a directory"):
        read_impressions(tmp_path)


def test_problems_can_be_asked_for_one_by_one(read):
    with pytest.raises(InvalidFile) as caught:
        read(lines(3, startCount="abc"))
    assert [(p.column, p.lines, p.examples) for p in caught.value.problems] == [("startCount", (4,), ("abc",))]
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("id;install;probability\n1;0;1.5\n", 'probability: not a probability from 0 to 1: 1 line, at line 2 ("1.5")'),
        ("id;install;probability\n1;0;x\n", 'probability: not a probability from 0 to 1: 1 line, at line 2 ("x")'),
        ("id;install;probability\n1;0;\n", "probability: not a probability from 0 to 1: 1 line, at line 2"),
        ("id;install;probability\n1;0;nan\n", "probability: not a probability from 0 to 1"),
        ("id;install;probability\n1;2;0.5\n", "install: not 0 or 1"),
        ("id;install;probability\n1;1;0.5\n1;0;0.5\n", "id: named by an earlier line too: 1 line, at line 3"),
        ("id;install;probabilty\n1;1;0.5\n", "probabilty: no such column; did you mean probability?"),
        ("id;install\n1;1\n", "probability: missing from the header"),
    ],
)
def test_a_bad_truth_is_told_in_the_same_way(message, content, expected):
    assert expected in message(content, read_truth)

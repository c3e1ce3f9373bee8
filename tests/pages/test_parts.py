"""The parts that pages share: tables, sections, figures and data, with whatever they are given escaped."""

import json
import re
import xml.etree.ElementTree as ET
from typing import Any

from hifisyn.pages.environment import environment
from hifisyn.pages.plain_table import PlainTable, facts_table

ODD = "</script><b a='1'>&\""


def rendered(text, **values) -> str:
    return environment().from_string('{% import "pages/parts.html.jinja" as parts %}' + text).render(**values)


def test_plain_tables_have_scopes_numbers_and_escaped_cells():
    table = PlainTable("what & why", ("name", "count"), [(ODD, 1), ("b", 2.5)], numbers=(1,))
    page = ET.fromstring(rendered("{{ parts.plain_table(table) }}", table=table))
    assert page.findtext("caption") == "what & why"
    assert [(cell.text, cell.get("scope"), cell.get("class")) for cell in page.findall("thead/tr/th")] == [
        ("name", "col", None),
        ("count", "col", "number"),
    ]
    assert [cell.text for cell in page.findall("tbody/tr/th")] == [ODD, "b"]
    assert [(cell.text, cell.get("class")) for cell in page.findall("tbody/tr/td")] == [
        ("1", "number"),
        ("2.5", "number"),
    ]


def test_tables_of_facts_leave_out_what_has_no_value():
    table = facts_table("run", [("seed", 0), ("commit", ""), ("device", None)])
    page = ET.fromstring(rendered("{{ parts.plain_table(table) }}", table=table))
    assert page.get("class") == "facts"
    assert page.find("thead") is None
    assert ["".join(row.itertext()).strip() for row in page.findall("tbody/tr")] == ["seed0"]


def test_sections_have_an_anchor_where_they_are_given_one():
    text = '{% call parts.section("A & B", anchor) %}{{ parts.paragraph(words, "soft") }}{% endcall %}'
    page = ET.fromstring(rendered(text, anchor="ab", words=ODD))
    assert (page.get("id"), page.findtext("h2"), page.findtext("p[@class='soft']")) == ("ab", "A & B", ODD)
    assert ET.fromstring(rendered(text, anchor="", words="")).get("id") is None


def test_figures_link_to_their_file_where_they_have_one():
    text = '{% call parts.figure("data:,", odd, link) %}<b>{{ odd }}</b>{% endcall %}'
    linked: Any = ET.fromstring(rendered(text, odd="a'b", link="figures/a.png").replace('data:,">', 'data:,"/>'))
    assert linked.find("a").get("href") == "figures/a.png"
    assert linked.find("a/img").get("alt") == "a'b"
    assert linked.findtext("figcaption/b") == "a'b"
    alone = ET.fromstring(rendered(text, odd="", link="").replace('data:,">', 'data:,"/>'))
    assert alone.find("img") is not None


def test_data_for_scripts_keep_their_order_and_end_no_script():
    content = {"z": ODD, "a": ["T2 to T1", "T1 to T2"]}
    text = rendered('{{ parts.data("cases", content) }}', content=content)
    (inner,) = re.findall(r'^<script type="application/json" id="cases">(.*)</script>$', text.strip())
    assert "<" not in inner
    assert list(json.loads(inner).items()) == list(content.items())

"""The tables of image quality by site, and the test of whether sites differ; none where sites are unknown or one."""

from hifisyn.evaluation.by_site import Sites, by_site, site_table, site_tests
from hifisyn.report.collect import Facts
from hifisyn.report.results import ResultTable, file_name, models_first


def sites(facts: Facts) -> list[ResultTable]:
    """Return one table a direction, and one of tests."""
    if facts.evaluated.empty:
        return []
    data = facts.data
    known = Sites(data.dataset.sites if data.dataset else {}, data.splits.sites_left_out if data.splits else {})
    groups = dict(by_site(models_first(facts, facts.evaluated), known))
    tables = [
        ResultTable(file_name("sites", direction), site_table(rows, known, f"Image quality by site, {direction}"))
        for direction, rows in groups.items()
    ]
    return [*tables, ResultTable("sites_tests", site_tests(groups, "Differences between sites"))] if groups else []

"""The glossary of the documentation has the sentences that the pages of a run show."""

from __future__ import annotations

from glossary_table import PAGE, with_table

from convbench.text.glossary import GLOSSARY


def test_the_page_has_every_word_as_the_report_explains_it():
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page, "run python tests/tools/glossary_table.py"
    assert page.count("\n| ") > len(GLOSSARY)


def test_no_term_is_explained_twice():
    terms = [line.split(" | ")[0] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    repeated = {term for term in terms if terms.count(term) > 1} - {"| term"}
    assert not repeated

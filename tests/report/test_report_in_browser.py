"""The report in a real Chromium, opened from disk."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from report_doubles import MakeRun, line, lines, pruned

from gridseval.report import read_runs, write_report

Open = Callable[..., Page]

# Of every text on the page: its contrast with what is painted below it.
CONTRASTS = """() => {
  const parse = (text) => {
    const numbers = text.match(/[\\d.]+/g).map(Number);
    const scale = text.startsWith("color(") ? 1 : 255;
    return [...numbers.slice(0, 3).map((n) => n / scale), numbers.length > 3 ? numbers[3] : 1];
  };
  const channel = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) =>
    0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [1, 1, 1, 1];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || element.closest("script,option,svg")) continue;
    const [one, other] = [parse(getComputedStyle(element).color), ground(element)]
      .map(luminance).sort((a, b) => b - a);
    found.push([(one + 0.05) / (other + 0.05), node.textContent.trim()]);
  }
  return found.sort((a, b) => a[0] - b[0])[0];
}"""


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Return a function that opens a file; at the end nothing may have gone wrong in any page."""
    contexts, complaints = [], []

    def open_page(path: Path, width: int = 1280, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked(request.url))
        page.goto(path.as_uri())
        return page

    def asked(url: str) -> None:
        if not url.startswith(("file://", "data:")):
            complaints.append(url)

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def report(make_run: MakeRun) -> Path:
    records = lines(make=pruned)
    records[0]["video"] = "videos/clip 1.mp4"
    return write_report(read_runs([make_run("run", records)]))


def wait_for(page: Page, condition: str) -> None:
    """Wait until JavaScript says yes; the page itself forbids playwright's own way, eval."""
    until = time.monotonic() + 20
    while not page.evaluate(condition):
        assert time.monotonic() < until, condition
        page.wait_for_timeout(50)


def visible_rows(page: Page) -> int:
    return page.locator("table.episodes tbody tr:visible").count()


def test_it_filters(open_page: Open, report: Path) -> None:
    page = open_page(report)
    count = page.locator("output")
    assert count.text_content() == "500 of 500 episodes"
    assert count.get_attribute("aria-live") == "polite"
    assert visible_rows(page) == 0
    page.get_by_label("Outcome").select_option("error")
    assert count.text_content() == "5 of 500 episodes"
    assert visible_rows(page) == 5
    assert page.locator("details.group:visible").count() == 5
    page.locator("select[name=group]").select_option("3")
    assert count.text_content() == "1 of 500 episodes"
    page.get_by_label("Search").fill("no such thing")
    assert count.text_content() == "0 of 500 episodes"
    assert page.get_by_text("No episode matches.").is_visible()
    page.get_by_role("button", name="Clear").click()
    wait_for(page, "document.querySelector('output').value.startsWith('500')")
    assert visible_rows(page) == 0
    page.get_by_label("Search").fill("BBQ camera")
    assert visible_rows(page) == 15  # of the 100 trials of tasks 3 and 8
    counts = page.locator("details.group:visible .count").all_inner_texts()
    assert counts == ["7 of 50 episodes", "8 of 50 episodes"]


def test_the_filter_works_with_the_keyboard(open_page: Open, report: Path) -> None:
    page = open_page(report)
    page.get_by_label("Outcome").focus()
    page.keyboard.press("e")
    assert page.locator("output").text_content() == "5 of 500 episodes"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("bbq")
    assert page.locator("output").text_content() == "1 of 500 episodes"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for(page, "document.querySelector('output').value.startsWith('500')")
    page.locator("details.group > summary").first.focus()
    page.keyboard.press("Enter")
    assert visible_rows(page) == 50


def test_a_video_plays_in_place(open_page: Open, report: Path) -> None:
    page = open_page(report)
    page.locator("details.group > summary").first.click()
    video = page.locator("video")
    assert video.evaluate("v => v.readyState") == 0  # nothing is loaded before it is asked for
    page.locator("details.clip > summary").click()
    wait_for(
        page, "(v => v.readyState > 1 && v.currentTime > 0.2)(document.querySelector('video'))"
    )
    assert video.evaluate("v => v.error") is None
    assert video.bounding_box()["width"] > 300
    page.locator("details.clip > summary").click()
    wait_for(page, "document.querySelector('video').paused")  # closing tells the script later


def test_a_link_to_a_task_opens_it(open_page: Open, report: Path) -> None:
    page = open_page(report)
    page.locator("table.bars th a").nth(4).click()
    wait_for(page, "document.querySelectorAll('details.group')[4].open")


def test_it_is_complete_without_javascript(open_page: Open, report: Path) -> None:
    page = open_page(report, java_script_enabled=False)
    assert not page.locator("form.filter").is_visible()
    for text in ("Success by task", "Success by dimension and level", "Kept tokens", "Provenance"):
        assert page.get_by_role("heading", name=text).is_visible()
    page.locator("details.group > summary").first.click()
    assert visible_rows(page) == 50
    page.locator("details.clip > summary").click()
    assert page.locator("video").is_visible()


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_it_never_scrolls_sideways(
    open_page: Open, make_run: MakeRun, report: Path, tmp_path: Path, width: int
) -> None:
    long = [line(0, 0, instruction="x" * 300, error="y" * 300, status="error")]
    other = make_run("z" * 120, long, policy={"name": "w" * 200})
    both = write_report(read_runs([report.parent, other]), tmp_path / "both.html")
    for path in (report, both):
        page = open_page(path, width)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        for selector in (".bars td", ".episodes td", ".heat td", ".headline dd", "footer"):
            edges = page.locator(selector).evaluate_all(
                "all => all.map((e) => e.getBoundingClientRect().right)"
            )
            assert max(edges) <= width, selector


def test_colours_follow_the_system_and_can_be_read(open_page: Open, report: Path) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        page = open_page(report, color_scheme=scheme)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        worst, text = page.evaluate(CONTRASTS)
        assert worst >= 4.5, (scheme, text)
    assert grounds[0] != grounds[1]


def test_print_shows_what_is_folded(open_page: Open, report: Path) -> None:
    page = open_page(report, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("form.filter").is_visible()
    row = page.locator("table.episodes tbody tr").last
    assert row.bounding_box()["height"] > 0


def test_it_has_an_outline_and_names(open_page: Open, report: Path) -> None:
    page = open_page(report)
    assert page.locator("h1").count() == 1
    levels = page.locator("h1, h2, h3").evaluate_all("all => all.map((h) => +h.tagName[1])")
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert page.locator("html").get_attribute("lang") == "en"
    unnamed = page.locator("input, select").evaluate_all("all => all.filter((e) => !e.labels[0])")
    assert unnamed == []
    assert page.locator("table:not(:has(thead th[scope]))").count() == 0
    ids = page.locator("[id]").evaluate_all("all => all.map((e) => e.id)")
    assert len(ids) == len(set(ids))


def test_what_is_smuggled_in_does_not_run(open_page: Open, make_run: MakeRun) -> None:
    evil = "<script>window.hit = 1</script><img src=x onerror='window.hit = 1'>"
    record = line(0, 0, status="error", instruction=evil, error=evil)
    page = open_page(write_report(read_runs([make_run("run", [record])])))
    assert page.evaluate("window.hit") is None
    assert "<script>" in page.locator("details.group .name").first.inner_text()


def test_a_long_task_is_shown_in_parts(make_run: MakeRun, open_page: Open) -> None:
    path = write_report(read_runs([make_run("long", lines(tasks=2, trials=2500))]))
    page = open_page(path)
    output = page.locator(".filter output")
    assert output.text_content() == "5,000 of 5,000 episodes"
    assert page.locator("table.episodes tbody tr").count() == 0
    page.locator("details.group > summary").first.click()
    wait_for(page, "document.querySelectorAll('table.episodes tbody tr[data-status]').length > 0")
    assert page.locator("tr[data-status]:visible").count() == 500
    button = page.locator("button.more-rows")
    assert button.text_content() == "Show more (2,000 are left)"
    button.click()
    assert page.locator("tr[data-status]:visible").count() == 1000
    page.locator("select[name=status]").select_option("error")
    assert output.text_content() == "50 of 5,000 episodes"
    wait_for(page, "document.querySelectorAll('table.episodes tbody tr[data-status]').length == 50")
    assert page.locator("button.more-rows").count() == 0

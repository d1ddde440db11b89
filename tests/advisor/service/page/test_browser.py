"""The page in a real browser, Debian's Chromium: the whole flow with and without a script, for everybody, and quickly.

Passed over where there is no Chromium.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from contextlib import suppress

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium; apt-get install chromium")

MEMBERS = "Which of our members will cancel next month? We can only call thirty of them."
NASTY = "How many <script>window.hit = 1</script><img src=x onerror='window.hit = 1'> hours\u202e will \u200b it take?"
WIDTHS = (320, 768, 1280)
READY_MS = 1_000
ROWS = ["order;amount;returned", *(f"{n};{n % 7},5;{'yes' if n % 3 else 'no'}" for n in range(500))]
SENT = 200  # of the rows


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A service of its own process, as users have it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = tmp_path_factory.mktemp("store") / "feedback.db"
    command = [sys.executable, "-m", "advisor", "serve", "--port", str(port), "--rate", "0", "--store", str(store)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    home = f"http://127.0.0.1:{port}"
    for _ in range(600):
        with suppress(OSError):
            urllib.request.urlopen(f"{home}/readyz").close()
            break
        time.sleep(0.1)
    yield home
    process.terminate()
    assert process.wait(timeout=60) == 0


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as driver:
        sandbox = [] if os.geteuid() else ["--no-sandbox"]  # root has none
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, address):
    """Open the page; afterwards nothing may have been asked of anywhere else, and no error may stand in the console."""
    contexts, asked, complaints = [], [], []

    def open_page(*, path="/", script=True, scheme="light", width=1280):
        context = chromium.new_context(
            java_script_enabled=script,
            color_scheme=scheme,
            viewport={"width": width, "height": 800},
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith(address)] == []
    assert [url for url in asked if "?" in url] == []
    meant = ("status of 422", "Executing inline script violates")  # a text that was refused; a script that was kept out
    assert [said for said in complaints if not any(word in said for word in meant)] == []


def frame(page, text):
    page.fill("#text", text)
    page.click("#ask .primary")
    page.wait_for_selector("#verdict")


@pytest.mark.parametrize("script", [True, False])
def test_the_whole_flow(visit, script):
    page = visit(script=script)
    frame(page, "hello")
    assert page.inner_text("h1").startswith("Undecided.")
    page.click("#questions button >> nth=0")  # a number
    page.wait_for_selector("h1:has-text('Regression.')")
    assert page.locator("#ask [name=answer]:checked").count() == 1
    page.click("#change summary")
    page.uncheck("#ask [name=answer]")
    page.fill("#text", MEMBERS)
    page.click("#ask .primary")
    page.wait_for_selector("h1:has-text('Classification.')")
    assert page.locator("mark").count() >= 1
    assert page.locator(".bars li").count() == 9
    assert "import" in page.inner_text("#starter pre >> nth=1")
    with page.expect_download() as download:
        page.click("#starter .primary")
    assert "starter/train.py" in zipfile.ZipFile(download.value.path()).namelist()
    page.select_option("#category", "ranking")
    page.fill("#comment", "It is the order that counts.")
    page.click("#right button")
    page.wait_for_selector("text=Thank you")
    if script:
        assert page.locator("#verdict").count() == 1  # the rest of the page stays


@pytest.mark.parametrize("script", [True, False])
def test_an_example_is_a_click(visit, script):
    page = visit(script=script)
    page.click(".examples button >> nth=0")
    page.wait_for_selector("#verdict")
    page.click("#change summary")
    assert "bikes" in page.input_value("#text")


@pytest.mark.parametrize("script", [True, False])
def test_what_is_refused_is_told(visit, script):
    page = visit(script=script)
    page.fill("#text", "...")
    page.click("#ask .primary")
    page.wait_for_selector("[role=alert]")
    assert "is empty" in page.inner_text("[role=alert]")
    assert page.input_value("#text") == "..."


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("text", ["", "hello", MEMBERS, NASTY])
def test_axe_finds_nothing(visit, scheme, text):
    page = visit(scheme=scheme)
    if text:
        frame(page, text)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    found = axe.Axe().run(page, options=options)
    assert found.violations_count == 0, found.generate_report()
    assert len(found.response["passes"]) > 20  # it did look


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("text", ["", MEMBERS, NASTY, "a" * 300 + " how many?"])
def test_nothing_scrolls_sideways(visit, width, text):
    page = visit(width=width)
    if text:
        frame(page, text)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("script", [True, False])
def test_a_nasty_text_does_nothing_and_is_seen(visit, script):
    page = visit(script=script)
    frame(page, NASTY)
    if script:
        assert page.evaluate("window.hit") is None
    assert page.locator("main img, main script").count() == 0
    said = page.inner_text("#why .said")
    assert "<script" in said
    assert "onerror='window.hit = 1'>" in said
    assert "U+202E" in said
    assert "U+200B" in said
    assert "\u202e" not in page.inner_text("body")


def test_the_policy_lets_no_other_script_run(visit):
    page = visit()
    page.evaluate(
        "document.addEventListener('securitypolicyviolation', (event) => { window.kept = event.effectiveDirective });"
        "const script = document.createElement('script'); script.textContent = 'window.hit = 1';"
        "document.body.append(script)"
    )
    page.wait_for_function("window.kept === 'script-src-elem'")
    assert page.evaluate("window.hit") is None


def test_a_link_carries_the_text_in_its_fragment_alone(visit, chromium):
    page = visit()
    frame(page, "hello")
    page.click("#questions button >> nth=0")
    page.wait_for_selector("h1:has-text('Regression.')")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#share")
    page.wait_for_selector("#status:has-text('Copied')")
    link = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/#t=hello&answer=what-comes-out%3Dnumber", link)
    other = visit(path="/" + link.partition("/#")[2].join(["#", ""]))
    other.wait_for_selector("h1:has-text('Regression.')")


def test_of_a_file_only_the_rows_that_were_shown_travel_and_only_when_agreed(visit, tmp_path):
    file = tmp_path / "orders.csv"
    file.write_text(
        '\ufefforder;"say ""what"""\r\n' + "\r\n".join(ROWS[1:]).replace(";yes", "").replace(";no", "") + "\r\n"
    )
    page = visit()
    page.set_input_files("#file", file)
    assert page.inner_text("#rows th >> nth=1") == 'say "what"'
    assert page.locator("#rows tbody tr").count() == SENT
    page.fill("#text", "Which of the orders will come back?")
    with page.expect_request(lambda request: request.method == "POST") as asked:
        page.click("#ask .primary")
    assert "table" not in asked.value.post_data
    page.wait_for_selector("#verdict")


def test_a_table_is_framed_with_the_text(visit, tmp_path):
    file = tmp_path / "orders.csv"
    file.write_text("\n".join(ROWS))
    page = visit()
    page.set_input_files("#file", file)
    page.check("#agree")
    with page.expect_request(lambda request: request.method == "POST") as asked:
        frame(page, "Which of the orders will be returned?")
    assert "199%22" in asked.value.post_data
    assert "200%22" not in asked.value.post_data
    assert f"A table of {SENT} rows and 3 columns" in page.text_content("#rows")
    assert page.locator("#target option").count() == 4
    page.click("#change summary")
    page.select_option("#target", "returned")
    page.click("#ask .primary")
    page.wait_for_function("document.querySelector('#target').value === 'returned'")
    assert "returned" in page.inner_text("#card")
    with page.expect_download() as download:
        page.click("#starter .primary")
    names = zipfile.ZipFile(download.value.path()).namelist()
    assert [name for name in names if name.startswith("starter/data/")]


@pytest.mark.parametrize("text", ["How many hours will this surgery take?", MEMBERS, "hello"])
def test_the_print_view_is_one_page(visit, text):
    page = visit()
    frame(page, text)
    printed = page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", printed)) == 1


def test_the_page_is_ready_within_a_second(visit, address):
    page = visit()
    taken = []
    for _ in range(3):
        page.goto(address + "/")
        page.wait_for_selector("#choose:not([hidden])")
        taken.append(page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"))
    assert sorted(taken)[1] < READY_MS


def test_everything_can_be_done_with_the_keyboard(visit):
    page = visit()
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "text":
            break
    page.keyboard.type("hello")
    page.keyboard.press("Tab")
    for _ in range(5):
        if page.evaluate("document.activeElement.textContent") == "Frame it":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#verdict")
    assert page.evaluate("document.activeElement.id") == "verdict-heading"

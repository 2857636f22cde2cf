"""What keeps the hub well, in a real browser: firmware from the page to a board, bounds, the page without its hub, and in German."""


from support.browser import css, role, text
from support.people import PASSWORD, Somebody, opened, sign_in
from support.wait import until


def test_firmware_goes_from_the_page_to_a_board(owned, browser):
    token = owned.post("/api/devices/lamp/token", json={"name": "board"}).json()["token"]
    with opened(browser, owned, "anna", "/settings/firmware") as page:
        page.wait(text("No firmware yet"))
        page.click(role("button", "Upload firmware", within=css("main header")))
        page.upload(css("dialog .zone"), "desk-lamp-1.2.0.bin", "program")
        assert page.value(role("textbox", "Name", within=role("dialog"))) == "desk-lamp"
        page.click(role("button", "Upload firmware", within=role("dialog")))
        page.wait(text("desk-lamp 1.2.0 is stored."))
        page.click(role("button", "Roll out desk-lamp 1.2.0"))
        page.click(role("checkbox", "Desk lamp", within=role("dialog")))
        page.click(role("button", "Start roll-out", within=role("dialog")))
        page.wait(css('[data-rollout="desk-lamp"]'))
        board = Somebody(owned, token)
        assert board.get("/api/devices/lamp/firmware.bin", params={"version": "1.1"}).text == "program"
        assert board.get("/api/devices/lamp/firmware.bin", params={"version": "1.2.0"}).status_code == 304
        page.wait(text("1 of 1 device done"))
        page.click(role("button", "Device by device"))
        page.wait(css('[data-device="lamp"][data-state="done"]'))


def test_bounds_are_shown_with_what_there_is(owned, browser):
    with opened(browser, owned, "anna", "/settings/limits") as page:
        page.wait(css('[data-limit="connections"] [role=meter]'))
        assert "20,000" in page.text(css('[data-limit="connections"]'))


def test_the_page_opens_without_its_hub_with_the_last_values(owned, browser):
    with opened(browser, owned, "anna") as page:
        page.wait(css('[data-device="lamp"]'))
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        kept = """new Promise((done) => { const open = indexedDB.open('housewire', 1);
            open.onsuccess = () => { const all = open.result.objectStoreNames.contains('last')
              ? open.result.transaction('last').objectStore('last').get('look') : null;
              if (all === null) { open.result.close(); indexedDB.deleteDatabase('housewire'); return done(null); }
              all.onsuccess = () => { open.result.close(); done(all.result ? all.result.session.name : null); }; }; })"""
        until(lambda: page.evaluate(kept) == "anna", what="the last values to be kept")
        page.offline()
        page.goto(owned.http + "/")
        page.wait(text("Old values"))
        page.wait(css('[data-device="lamp"]'))
        page.offline(False)
        page.wait(text("Old values"), "detached")
        page.click(role("button", "Account: anna, Admin"))
        page.click(role("button", "Sign out"))
        page.wait(role("heading", "Sign in"))
        until(lambda: page.evaluate(kept) is None, what="what anna saw to be forgotten")
        page.offline()
        page.goto(owned.http + "/")
        page.wait(role("heading", "The hub did not say who you are"))
        assert page.count(css('[data-device="lamp"]')) == 0


def test_the_page_speaks_german_to_who_reads_it_and_on_request(owned, browser):
    with browser.open(owned.http, locale="de-AT") as page:
        page.wait(role("heading", "Anmelden"))
        assert page.evaluate("document.documentElement.lang") == "de"
        page.click(role("radio", "English"))
        page.wait(role("heading", "Sign in"))
        sign_in(page, "anna")
        page.wait(role("heading", "Home"))
    with browser.open(owned.http) as page:
        page.wait(role("heading", "Sign in"))
        fetched = "performance.getEntriesByType('resource').map(({ name }) => name).filter((name) => name.includes('/assets/'))"
        before = page.evaluate(fetched)
        page.click(role("radio", "Deutsch"))
        page.wait(role("heading", "Anmelden"))
        # Who reads English fetches no German.
        assert set(before) < set(page.evaluate(fetched)) or len(page.evaluate(fetched)) > len(before)
        page.fill(role("textbox", "Name"), "anna")
        page.fill(css("input[type=password]"), PASSWORD)
        page.press("Enter")
        page.wait(role("heading", "Anmelden"), "detached")
        page.goto(owned.http + "/settings/limits")
        page.wait(role("heading", "Grenzen"))
        # Numbers, too.
        page.wait(css('[data-limit="connections"] [role=meter]'))
        assert "20.000" in page.text(css('[data-limit="connections"]'))

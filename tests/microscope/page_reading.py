"""What tests read off a page."""


def text(page, selector):
    return page.locator(selector).inner_text()


def wait(page, condition):
    """Wait until a JavaScript condition holds (Playwright's own way of waiting needs `eval`)."""
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within twenty seconds: {condition}")


def grid(page, selector):
    """The numbers of a table of cells."""
    cells = page.locator(f"{selector} td").all_inner_texts()
    return [float("nan") if cell == "–" else float(cell.replace("−", "-")) for cell in cells]

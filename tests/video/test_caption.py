from __future__ import annotations

import numpy as np
import pytest

from gridseval.video.caption import CAPTION_HEIGHT_PX, Caption, fit_text

LONGEST = "put the white mug on the left plate and put the yellow and white mug on the right plate"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "open it",
        LONGEST,
        LONGEST + " and " + LONGEST,
        "very " * 100,
        "W" * 300,
        "a " + "W" * 300,
    ],
)
def test_an_instruction_fits_on_two_lines(text: str) -> None:
    font, lines = fit_text(text, 496)
    assert len(lines) <= 2
    assert all(font.getlength(line) <= 496 for line in lines)


def test_whole_instructions_are_shown_whole_and_shortened_ones_say_so() -> None:
    for text in ("open it", LONGEST):
        assert " ".join(fit_text(text, 496)[1]) == text
    _, lines = fit_text("very " * 100, 496)
    assert lines[-1].endswith("…") and not lines[0].endswith("…")


def test_text_becomes_smaller_before_it_is_shortened() -> None:
    text = f"{LONGEST} and {LONGEST}"
    font, lines = fit_text(text, 496)
    assert " ".join(lines) == text
    assert font.size < fit_text("open it", 496)[0].size


def test_nothing_is_drawn_in_the_margins() -> None:
    strip = Caption(512, "W" * 500).draw("step 1")
    assert strip.shape == (CAPTION_HEIGHT_PX, 512, 3) and strip.dtype == np.uint8
    background = strip[0, 0]
    for margin in (strip[:, :6], strip[:, -6:], strip[:2], strip[-2:]):
        assert (margin == background).all()
    assert (strip[:22] != background).any()


def test_line_and_outcome_change_the_strip() -> None:
    caption = Caption(512, "open the drawer")
    strips = [caption.draw("step 1"), caption.draw("step 2")]
    strips += [caption.draw("step 2", outcome) for outcome in ("success", "failure", "error")]
    for number, strip in enumerate(strips):
        assert not any(np.array_equal(strip, other) for other in strips[:number])
    assert np.array_equal(caption.draw("step 1"), strips[0])

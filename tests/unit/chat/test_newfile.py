from __future__ import annotations

import pytest

from twinny_lsp.chat import newfile
from twinny_lsp.chat.edits.decide import No, Replacement, decide
from twinny_lsp.exchange import Finish


@pytest.mark.parametrize(
    ("path", "there", "goes_to"),
    [
        ("shop/cart.py", {"tests", "tests/shop"}, "tests/shop/test_cart.py"),
        ("shop/cart.py", {"tests"}, "tests/test_cart.py"),
        ("shop/cart.py", {"tests", "shop/cart_test.py"}, "shop/cart_test.py"),
        ("shop/cart.py", set(), "shop/test_cart.py"),
        ("src/cart.ts", set(), "src/cart.test.ts"),
        ("src/cart.ts", {"src/__tests__"}, "src/__tests__/cart.test.ts"),
        ("cart.go", set(), "cart_test.go"),
        ("src/main/a/Cart.java", {"src/test/a"}, "src/test/a/CartTest.java"),
        ("cart.zig", set(), "cart_test.zig"),
    ],
)
def test_where_tests_go(path: str, there: set[str], goes_to: str) -> None:
    assert newfile.test_path(path, there.__contains__) == goes_to


def test_the_text_of_a_new_file() -> None:
    answer = "The tests:\n\n```python\nimport pytest\n\n\ndef test_f():\n    assert f() == 1\n```\n\n"
    made = decide(f"{answer}Run them:\n\n```bash\npytest\n```", newfile.blank("python"))
    assert isinstance(made, Replacement)
    assert made.text == "import pytest\n\n\ndef test_f():\n    assert f() == 1"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("```python\ndef test_f():\n    # ... more tests here, the rest unchanged\n```", "left out"),
        ("```python\ndef test_f():\n    assert (", "truncated"),
        ("I'm sorry, I can't see the code.", "refused"),
        ("You should test the limits, too, and the errors.", "words"),
        ("```python\ndef test_a():\n    pass\n```\nor\n```python\ndef test_b():\n    pass\n```", "several"),
    ],
)
def test_a_new_file_is_whole_or_none(answer: str, why: str) -> None:
    finish = Finish.LENGTH if why == "truncated" else Finish.STOP
    made = decide(answer, newfile.blank("python"), finish=finish)
    assert isinstance(made, No)
    assert made.why == why

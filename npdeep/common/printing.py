"""What a terminal can show: how wide its lines are, and which characters its encoding holds.

A Windows console that is redirected to a file has an encoding of some 250 characters (cp1252, cp437), some systems have ASCII
alone. What they cannot hold is spelled out (∂L/∂z as dL/dz, η as eta), never replaced by a question mark, and never an error.
"""

import codecs
import io
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from npdeep.common import words

NARROWEST = 40
"""Text is not folded to fewer columns than this: it could not be read."""

SPELLINGS = {
    **{"−": "-", "–": "-", "—": "-", "·": "*", "×": "x", "÷": "/", "⊙": "*", "±": "+-", "√": "sqrt", "∞": "inf", "…": "..."},
    **{"≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "→": "->", "←": "<-", "∂": "d", "∇": "grad ", "‖": "||", "ℓ": "l"},
    **{"─": "-", "▶": ">", "▸": ">", "◀": "<", "◂": "<", "¼": "1/4", "½": "1/2", "⅓": "1/3", "‴": "'''"},
    **{"\u0302": "_hat", "\u0304": "_bar"},
    **{"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "°": " deg", "µ": "u"},
    **{"Σ": "sum", "Π": "prod", "Δ": "Delta", "Φ": "Phi", "Ω": "Omega"},
    **{"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "eps", "ζ": "zeta", "η": "eta", "θ": "theta"},
    **{"κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau"},
    **{"φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega"},
}
"""How to write in ASCII what npdeep prints. Raised and lowered characters become ^T and _k, accents are left out."""

RAISED = re.compile("[⁰¹²³⁴-⁹⁺⁻ᵀᵃ-ᵡᶻ]+")
LOWERED = re.compile("[₀-₉₊₋ₐ-ₜⱼᵢ-ᵪ]+")
JOINED = re.compile("(?<=[^\\W_])\0+(?=[^\\W_²³¹])")
"""Where a word that was a letter meets another letter."""


def columns() -> int:
    """How many characters a line has: COLUMNS where it is set, else the terminal's width; 80 where there is no terminal.

    >>> columns() >= NARROWEST
    True
    """
    return max(NARROWEST, shutil.get_terminal_size().columns)


def length(text: str) -> int:
    """How many columns a text takes: Chinese characters take two, accents of their own none.

    >>> length("x̂ = 1"), length("\\u9690\\u85cf")
    (5, 4)
    """
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def printable(text: str, encoding: str | None = None) -> str:
    """The text with what the encoding (by default standard output's) cannot hold spelled out.

    >>> printable("dz = ∂L/∂z ≤ 2·η·x̂ᵢ", "ascii"), printable("10⁻³ → 2β·Wᵀdz/√σ²", "cp1252")
    ('dz = dL/dz <= 2*eta*x_hat_i', '10^-3 -> 2 beta·W^T dz/sqrt sigma²')
    """
    text = words.visible(text, keep="\n\t")
    encoding = encoding or getattr(sys.stdout, "encoding", None) or "utf-8"
    if _holds(encoding, text):
        return text

    def level(run: re.Match[str]) -> str:
        mark = "^" if RAISED.match(run[0]) else "_"
        return run[0] if _holds(encoding, run[0]) else f"{mark}{unicodedata.normalize('NFKC', run[0])}\0"

    text = LOWERED.sub(level, RAISED.sub(level, text))
    text = "".join(c if _holds(encoding, c) else _spelled(c) for c in text)
    return JOINED.sub(" ", text).replace("\0", "")


def _holds(encoding: str, text: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _spelled(character: str) -> str:
    """In ASCII; a NUL marks where a word begins and ends, which is a blank beside another letter."""
    spelling = SPELLINGS.get(character)
    if spelling is not None:
        return f"\0{spelling}\0" if len(spelling) > 1 and spelling.isalpha() else spelling
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain or character.encode("ascii", "backslashreplace").decode()


class Text(str):
    """A text that prints in every terminal: what standard output cannot hold is spelled out by `print`, `str` and f-strings.

    Compared, cut and put together with + it has all its characters, and so has `.unicode`, for files.

    >>> Text("dz = ∂L/∂z") == "dz = ∂L/∂z", Text("∂L").unicode
    (True, '∂L')
    """

    @property
    def unicode(self) -> str:
        """All its characters, as a plain string."""
        return self[:]

    def __str__(self) -> str:
        """As standard output can show it."""
        return printable(self.unicode)


def wrap(line: str, width: int, further: str = "") -> list[str]:
    """Lines of at most this many columns, split at blanks alone: a word that is longer stays whole.

    >>> wrap("tables fold, never inside a word", 12, further="  ")
    ['tables fold,', '  never', '  inside a', '  word']
    """
    lines, current = [], ""
    for blanks, word in re.findall(r"(\s*)(\S+)", line):
        if current.strip() and length(current + blanks + word) > width:
            lines.append(current)
            current = further + word
        else:
            current += blanks + word
    return [*lines, current]


def fold(text: str, width: int | None = None, encoding: str | None = None) -> str:
    """A text as the terminal can show it: long lines are split at blanks and continue two columns further in.

    >>> print(fold("- a hint that is too long\\n- short", width=20))
    - a hint that is too
      long
    - short
    """
    width = columns() if width is None else width
    lines: list[str] = []
    for line in printable(text, encoding).split("\n"):
        indent = line[: len(line) - len(line.lstrip())] + "  "
        lines += wrap(line, width, indent) if length(line) > width else [line]
    return "\n".join(lines)


def _spell_out(error: UnicodeError) -> tuple[str, int]:
    """What is printed past `printable` (a file's name, the help of argparse) is spelled out as it is written."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return printable(error.object[error.start : error.end], error.encoding), error.end


codecs.register_error("npdeep", _spell_out)


@contextmanager
def every_character() -> Iterator[None]:
    """Inside, standard output and standard error take every character, whatever their encoding.

    >>> with every_character():
    ...     print("∂" if (sys.stdout.encoding or "").lower().startswith("utf") else "d")  # doctest: +SKIP
    ∂
    """
    changed: list[tuple[Any, str | None]] = []
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            changed.append((stream, stream.errors))
            stream.reconfigure(errors="npdeep")
    try:
        yield
    finally:
        for stream, errors in changed:
            with suppress(OSError, ValueError):  # nobody reads it any more
                stream.reconfigure(errors=errors)


def give_up() -> None:
    """Let what can no longer be written (a reader that has gone, a full disk) go nowhere, so that Python ends in silence."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:            # as in a program without a console
                stream.flush()
        except OSError:
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

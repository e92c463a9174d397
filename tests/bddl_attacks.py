"""BDDL files that try to run a command, hang, or hide something from one of two readers."""

from __future__ import annotations

from collections.abc import Iterator

MARKER = "ran_code"
"""The file that a successful attack makes in the working directory."""

# Without parentheses, which end a token: a subscript calls whatever a comprehension has put into
# ``__class_getitem__`` of a class that libero's parser can reach. Each of the first four makes the
# file when libero 0.1.4 reads it.
_SYSTEM = 'for[re.error.__class_getitem__]in[[sys.modules["os"].system]]'
WORKING = {
    "comprehension": f'[re.error["touch\\x20{MARKER}"]{_SYSTEM}]',
    "dict comprehension": f'{{0:re.error[">{MARKER}"]{_SYSTEM}}}',
    "f-string": f"f'{{[re.error[\">{MARKER}\"]{_SYSTEM}]}}'",
    "or": f'[]or[re.error["touch\\x20{MARKER}"]{_SYSTEM}]',
}

_TOKENS = {
    **WORKING,
    "import": f"__import__('os').system('touch${{ifs}}{MARKER}')",
    "nested parentheses": f"(((__import__('os')).system)('>{MARKER}'))",
    "import with a letter in another alphabet": f"__\u0456mport__('os').system('>{MARKER}')",
    "mathematical letters": f"\U0001d5f2\U0001d603\U0001d5ee\U0001d5f9('>{MARKER}')",
    "upper case": f"EVAL(\"OPEN('{MARKER}','W')\")",
    "concatenation": f"eval('op'+'en(\"{MARKER}\",\"w\")')",
    "getattr": f"getattr(getattr(np,'os'),'system')('>{MARKER}')",
    "attributes": "().__class__.__base__.__subclasses__()[0]",
    "attributes without parentheses": "[].__class__.__base__.__subclasses__",
    "lambda": f"(lambda:open('{MARKER}','w'))()",
    "lambda without parentheses": "lambda:0",
    "walrus": f"[k:=open('{MARKER}','w')]",
    "walrus without parentheses": "[pi:=3]",
    "generator": f"any(open('{MARKER}','w')for_in[0])",
    "huge power": "9**9**9",
    "power": "2**3",
    "power of pi": "pi**9",
    "shift": "1<<99999999999",
    "huge number": "9" * 5000,
    "huge exponent": "1e999999999",
    "infinity by number": "1e999",
    "long arithmetic": "1" + "+1" * 5000,
    "longer arithmetic": "-" * 100_000 + "1",
    "text repeated": "'a'*9999999999",
    "list repeated": "[0]*9999999999",
    "integer division": "1//2",
    "remainder": "7%4",
    "division by zero": "1/0",
    "division by pi minus pi": "1/0.0",
    "not a number": "nan",
    "infinity": "inf",
    "minus infinity": "-inf",
    "complex": "1j",
    "underscores in numbers": "1_000",
    "hexadecimal": "0x10",
    "digits of another alphabet": "\u0661\u0662",
    "full-width digits": "\uff11",
    "name": "exit",
    "quit": "quit",
    "module": "sys",
    "attribute": "np.pi",
    "help": "help",
    "backticks": f"`touch${{ifs}}{MARKER}`",
    "no operand": "pi+",
    "two operators": "1*/2",
    "operator first": "*2",
    "operator only": "-",
    "empty text": "''",
    "a null byte": "0\x00",
    "a zero-width space": "0\u200b",
    "a direction mark": "0\u202e",
    "a byte order mark": "\ufeff0",
    "comma": "0,0",
    "semicolon inside a string": "';'",
}

BASE = """(define (problem LIBERO_Tabletop_Manipulation)
  (:domain robosuite)
  (:language Put the bowl on the plate)
  (:regions
    (plate_region
      (:target main_table)
      (:ranges ((-0.1 -0.1 0.1 0.1)))
      (:yaw_rotation ((0.0 pi)))
      (:rgba (0 0 1 0.5))
    )
  )
  (:fixtures main_table - table)
  (:objects plate_1 - plate)
  (:obj_of_interest plate_1)
  (:init (On plate_1 main_table_plate_region))
  (:goal (And (On plate_1 main_table_plate_region)))
)
"""
"""A whole file."""

_ELSEWHERE = {
    "the problem's name": "LIBERO_Tabletop_Manipulation",
    "the domain": "robosuite",
    "a region's name": "plate_region\n",
    "a target": "main_table)\n      (:ranges",
    "a range": "-0.1 -0.1",
    "a colour": "0.5",
    "a fixture": "main_table -",
    "a kind of fixture": "table)\n  (:objects",
    "an object": "plate_1 - plate",
    "an object of interest": "plate_1)\n  (:init",
    "a predicate of the start": "On plate_1 main_table_plate_region))\n  (:goal",
    "the goal": "And",
}
"""Parts of the base whose first word is replaced."""


def attacks() -> Iterator[tuple[str, str, int]]:
    """Yield a name, a file and the line at fault."""
    for name, token in _TOKENS.items():
        for place, text in (("(0.0 pi)", f"({token} 0)"), ("(0.0 pi)", f"(0 {token})")):
            yield f"{name} in {text[:3]}", BASE.replace(place, text), 8
    attack = WORKING["comprehension"]
    for name, part in _ELSEWHERE.items():
        text = BASE.replace(part, part.replace(part.split()[0], attack, 1), 1)
        yield f"in {name}", text, BASE[: BASE.index(part)].count("\n") + 1
    shapes = {
        "a rotation without lists": ("((0.0 pi))", attack, 8),
        "a rotation of one list": ("((0.0 pi))", f"({attack} 0)", 8),
        "a list too deep": ("((0.0 pi))", f"((({attack})))", 8),
        "a rotation of three": ("(0.0 pi)", "(0 0 0)", 8),
        "a second rotation": ("(:rgba", f"(:yaw_rotation (({attack} 0)))\n(:rgba", 9),
        "over two lines": ("(0.0 pi)", f"(\n__import__(\n'os').system('>{MARKER}') 0)", 9),
        "after a comment": ("(0.0 pi)", f"; (0 0)\n({attack} 0)", 9),
        "a comment that a carriage return ends": ("(0.0 pi)", f"; (0 0)\r({attack} 0)", 9),
        "old line ends": ("(:regions", f"(:regions\r\n\r(x (:yaw_rotation (({attack} 0))))", 6),
        "a comment ended by another separator": ("(0.0 pi)", "(0.0 pi) ; \u2028 0)", 9),
        "an unknown section": ("(:fixtures", f"(:macro {attack})\n(:fixtures", 12),
        "scene properties": ("(:fixtures", f"(:scene_properties ({attack}))\n(:fixtures", 12),
        "a second section of regions": (
            "(:fixtures",
            f"(:regions (x (:target y) (:yaw_rotation (({attack} 0)))))\n(:fixtures",
            12,
        ),
        "an unknown attribute": ("(:rgba", f"(:file {attack})\n(:rgba", 9),
        "a region without a target": ("(:target main_table)", "", 10),
        "words before": ("(define", f"{attack} (define", 1),
        "words behind": (")\n)\n", f")\n)\n({attack})\n", 18),
        "not defined": ("(define", "(define2", 1),
        "a list in the instruction": ("the bowl", f"the ({attack}) bowl", 3),
        "a control character in the instruction": ("the bowl", "the \x1b]0;bowl", 3),
        "an instruction without end": ("the bowl", "the bowl " * 1000, 3),
        "too few brackets": (")))\n)", ")))", 16),
        "too many brackets": (")))\n)", ")))\n))", 17),
        "no goal": ("(:goal (And (On plate_1 main_table_plate_region)))", "", 17),
        "a goal of nothing": ("(On plate_1 main_table_plate_region)))\n)", "))\n)", 16),
        "a nested predicate": ("(And (On", "(And (Not (On", 16),
        "a fixture without a kind": ("- table", "", 12),
        "a name of many letters": ("plate_1 -", "a" * 100_000 + " -", 13),
        "many brackets": ("(0.0 pi)", "(" * 100_000, 8),
    }
    for name, (part, text, line) in shapes.items():
        assert part in BASE, name
        yield name, BASE.replace(part, text, 1), line

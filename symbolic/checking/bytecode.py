"""What a step's bytecode says before it is run: what it compares with None, and into how many parts it takes a list."""

import dis

# As Python up to 3.10 has it, ``v is None`` is IS_OP after the constant; later versions also jump on None at once.
JUMPS = tuple(f"POP_JUMP_{way}IF_{negated}NONE" for way in ("", "FORWARD_", "BACKWARD_") for negated in ("", "NOT_"))


def _instructions(function):
    return list(dis.get_instructions(getattr(function, "py_func", function).__code__))


def _is_load(instruction):
    return instruction.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_NAME")) and isinstance(
        instruction.argval, str
    )


def compared_with_none(function):
    """Return the names that a function compares with None (set of str); "" stands for what is no plain name."""
    found, code = set(), _instructions(function)
    for i, instruction in enumerate(code):
        if instruction.opname in JUMPS:
            asked = code[i - 1]
        elif instruction.opname == "IS_OP" and code[i - 1].argval is None:
            asked = code[i - 2]
        else:
            continue
        found.add(asked.argval if _is_load(asked) else "")
    return found


def taken_apart(function, name):
    """Return into how many names a function takes an argument apart (``m, v = state``), or None."""
    before = None
    for instruction in _instructions(function):
        if instruction.opname == "UNPACK_SEQUENCE" and before == name:
            return instruction.arg
        before = instruction.argval if instruction.opname.startswith("LOAD_FAST") else None
    return None

"""Write the API pages: every public name of the package, in the room where it is defined, from its docstring."""

import importlib
import inspect

import involution_utils

# Page, its title, rooms whose names in `involution_utils.__all__` stand there, modules with public names of their own.
PAGES = {
    "operation": ("The operation and the layers", ["ops", "layers", "generators"], []),
    "models": ("Networks", ["models"], []),
    "analysis": ("Looking into a network", ["analysis"], []),
    "data": ("Data", ["data"], []),
    "training": ("Training", ["training", "parameters"], []),
    "records": ("Records and statistics", ["records", "statistics"], ["records", "statistics"]),
    "microscope": ("The microscope", ["microscope"], ["microscope"]),
    "exporting": ("Export", ["exporting"], []),
    "plotting": ("Figures", ["plotting"], ["plotting"]),
    "exercises": ("Exercises", ["exercises"], ["exercises"]),
    "errors": ("Errors", ["checks"], []),
}


def public_names():
    """Return {room: {name: (module, object)}}: what `involution_utils` offers, and what its modules offer besides."""
    found = {}
    for name in involution_utils.__all__:
        thing = getattr(involution_utils, name)
        if callable(thing):
            found.setdefault(thing.__module__.split(".")[1], {})[name] = ("involution_utils", thing)
    taken = [thing for names in found.values() for _, thing in names.values()]
    for _, _, modules in PAGES.values():
        for module in map(importlib.import_module, (f"involution_utils.{name}" for name in modules)):
            for name in getattr(module, "__all__", None) or [n for n, t in vars(module).items() if _own(n, t, module)]:
                thing = getattr(module, name)
                if callable(thing) and inspect.getdoc(thing) and thing not in taken:
                    found.setdefault(module.__name__.split(".")[1], {})[name] = (module.__name__, thing)
    return found


def _own(name, thing, module):
    return not name.startswith("_") and getattr(thing, "__module__", "").startswith(module.__name__)


def write(folder):
    """Write a page per room into `folder`, and an index."""
    folder.mkdir()
    found, pages = public_names(), []
    for page, (title, rooms, _) in PAGES.items():
        names = {name: where for room in rooms for name, where in found.pop(room, {}).items()}
        if not names:
            continue
        pages.append(page)
        lines = [f"# {title}", ""]
        for name, (module, thing) in names.items():
            kind = "autoclass" if inspect.isclass(thing) else "autofunction"
            members = "   :members:\n" if inspect.isclass(thing) else ""
            lines += [f"## {name}", "", "```{eval-rst}", f".. {kind}:: {module}.{name}\n{members}```", ""]
        (folder / f"{page}.md").write_text("\n".join(lines))
    if found:
        raise SystemExit(f"docs/api.py: no page for the public names of {', '.join(found)}")
    entries = "\n".join(pages)
    (folder / "index.md").write_text(
        "# API\n\nEvery public name, from its docstring. *[source]* leads to its code.\n\n"
        f"```{{toctree}}\n:maxdepth: 2\n\n{entries}\n```\n"
    )

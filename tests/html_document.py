"""Read a page: its elements, and what would be inline code."""

from __future__ import annotations

from html.parser import HTMLParser

EMPTY = frozenset(("img", "input", "link", "meta", "br", "rect", "path", "circle"))


class Document(HTMLParser):
    """Elements as (tag, attributes), the text, and ids; checks that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.feed(text)
        self.close()
        if self.open:
            self.faults.append(f"not closed: {self.open}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        inside = {"inside": "label"} if "label" in self.open else {}
        self.elements.append((tag, dict(attrs) | inside))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in EMPTY:
            return
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self.open[-1:]} at {self.getpos()}")
            return
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and all(attributes.get(k.rstrip("_")) == v for k, v in wanted.items())
        ]

    def problems(self) -> list[str]:
        """Inline code, addresses of elsewhere, ids given twice, pictures and fields without a name."""
        found = list(self.faults)
        ids = [attributes["id"] for _, attributes in self.elements if attributes.get("id")]
        found += [f"id {each} twice" for each in set(ids) if ids.count(each) > 1]
        labelled = {attributes.get("for") for attributes in self.all("label")}
        for tag, attributes in self.elements:
            if tag == "style" or (tag == "script" and not attributes.get("src")):
                found.append(f"inline <{tag}>")
            for name, value in attributes.items():
                if name == "style" or name.startswith("on") or name.startswith("hx-on"):
                    found.append(f"{tag} {name}={value}")
                if name in ("src", "href", "action", "hx-get", "hx-post") and not is_ours(value or ""):
                    found.append(f"{tag} {name}={value}")
            if tag == "img" and attributes.get("alt") is None:
                found.append(f"a picture without a text: {attributes}")
            named = {"inside", "aria-label"} & attributes.keys() or attributes.get("id") in labelled
            typed = attributes.get("type") or ""
            if tag in ("input", "select") and typed not in ("hidden", "checkbox", "radio") and not named:
                found.append(f"a field that may have no name: {attributes}")
        return found


def is_ours(address: str) -> bool:
    return address.startswith(("/", "#")) and not address.startswith("//")

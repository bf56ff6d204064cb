"""Whether words of a call ask for something, by their form alone, and where the asking begins."""

import re

_WHO = (
    "i|you|we|they|he|she|it|there|this|that|these|those|my|your|our|the|a|an|any|"
    "anyone|anybody|someone|somebody"
)
_MAY = "can|could|may|will|would|shall|should|do|does|did"
_IS = "is|are|was|were|has|have|am"
_ASKS = re.compile(
    rf"""\b(?:
        how\ (?:much|many|long|often|far|soon|old|big|heavy|late|early|do|does|did|can|could|to|is
            |are|would|should|will|about|come)
      | (?:what|where|when|why|who|whose)\ (?:{_IS}|{_MAY}|happens|time|kind|sort|if|about|else|now)
      | which\ \w+\ (?:{_IS}|{_MAY}|should|has|do)
      | (?:what|where|how|who)'s
      | (?:{_MAY})\ (?:{_WHO})
      | (?:^|(?<=\band\ )|(?<=\bbut\ )|(?<=\bso\ )|(?<=\bor\ )|(?<=\boh\ )|(?<=\bwell\ )
          |(?<=\bum\ )|(?<=\bnow\ ))(?:{_IS})\ (?:{_WHO})
      | (?:i|we)\ (?:want|need|wanted|would\ like|wish)\ (?:to|a|an|you|some|my)
      | (?:i|we)(?:'d|\ would)\ like\ to
      | (?:wonder|wondering|know|ask|asking|tell\ me|see)\ (?:if|whether|how|what|where|when|why)
      | is\ (?:it\ (?:possible|allowed|okay\ to|safe)|that\ (?:a|an|okay|all\ right|allowed))
      | (?<!\bit\ )(?<!\bthat\ )(?<!\bthey\ )(?:is|are)\ there | ^who\ \w+
      | any\ (?:chance|idea|way)
      | (?:help\ me|looking\ for|what\ now)
    )\b""",
    re.VERBOSE,
)
_POLITE = re.compile(
    r"""\b(?:
        how\ (?:are\ you|are\ things|have\ you\ been|do\ you\ do|is\ it\ going|was\ your\ \w+
            |is\ your\ \w+|(?:can|could|may)\ i\ help)
      | (?:can|could|do)\ you\ (?:hear|see|repeat|hold|wait|say\ that)
      | what\ can\ i\ do\ for\ you | are\ you\ (?:still\ )?there
      | did\ you\ (?:see|watch|have|enjoy|say|mean|call)
      | (?:do\ you\ know|you\ know)\ what\ (?:i\ mean|that\ means)
      | where\ are\ you\ (?:sitting|calling|from) | (?:let\ me|let's)\ see\ (?:if|what|whether|how)
      | do\ (?:not|n't) | (?:that|this|which|it|here|there)\ (?:is|was)\ (?:what|how|why|where)
      | (?:may|can|could)\ i\ have\ your
    )\b""",
    re.VERBOSE,
)
"""Forms of a question that small talk is made of."""


def asks(text: str) -> bool:
    """Whether the words have the form of a question or of a wish."""
    return _ASKS.search(_POLITE.sub(" … ", _plain(text))) is not None


def question(text: str) -> str:
    """The words from where the asking begins; all of them where nothing seems to be asked."""
    plain = _plain(text)
    hidden = _POLITE.sub(lambda found: "…" * len(found.group()), plain)
    found = _ASKS.search(hidden)
    return plain[found.start() :] if found else plain


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[\w']+", text.lower()))

#!/usr/bin/env python3
"""Writes python_regex_table.json: what Python's re.search says to each pattern and subject."""
import json
import pathlib
import re
import warnings

NAMES = [
    "", "blocks.0.attn1.to_q", "blocks.10.attn1.to_q", "blocks.1.ffn.net.0.proj", "proj_out", "patch_embedding",
    "condition_embedder.time_embedder.linear_1", "BLOCKS.0.ATTN2", "größe.Ärmel", "ıI", "x\n", "a b", "a\tb\x0bc", "a-b]c[d^e",
    "aaaaaaaa", "{2}", "x{,2}", "x{1,}", "٣", "A\u00e9", "\U0001f600", "foo::bar", "abcabc", "a.b.c", "a\\b", "&&--~~||",
]
PATTERNS = [
    # what people write
    "", "attn1", r"^blocks\.0\.", r"blocks\.\d+\.attn[12]$", r"to_(q|k|v)$", r"blocks\.(0|10)\.", "^(?!blocks)", r"(?<=blocks\.)\d",
    r"(?<!\.)\d", r"\bproj\b", r"proj_out|patch", ".*", "^$", "^", "$", "[a-z_]+_1$", r"attn(?:1|2)\.to_[qkv]", r"^[^.]+$",
    # ends
    r"\Aproj", r"out\Z", r"x\Z", r"x$", r"(?m)x$", r"x\n\Z", r"(?s)x.", "x.",
    # flags
    "(?i)blocks", "(?i)GRÖSSE", "(?i)größe", "(?i)ärmel", "(?a)gr\\w+e", "gr\\w+e", r"(?a)^\w+$", r"(?u)\w", r"(?i:attn2)", r"(?x) b l o c k s  # comment",
    "(?ai)ä", "(?-i:a)", "(?i-s:A.)", "(?s-i:A.)", "(?x:a b)", "(?x) attn1 # [a comment (\n .to", "(?#comment)proj", "proj(?#a ) comment\\)?)",
    "attn(?i)1", "(?L)a", "(?ii)a", "(?iL)a", "(?)a", "(?z)a", "(?i", "(?a:a)", "(?i)(?s)a.",
    # groups and references
    r"(?P<word>abc)(?P=word)", r"(abc)\1", r"(a)(b)(c)\1\2\3", r"(a)\2", r"(?P<a>x)|(?P=b)", r"(?P<1a>x)", r"(a)?(?(1)b|c)", r"(?P<n>a)?(?(n)a|c)",
    r"(?>a+)a", r"a++a", r"a*+", r"(a|b)*?c", "(", ")", "(?:", "()", "(?P<n>a)(?P<n>b)", r"(?P>n)(?P<n>a)", r"(?&n)(?P<n>a)", r"(?R)", r"(?1)(a)", "(?|a|b)",
    "(?<n>a)", "(?'n'a)", "(*ACCEPT)a", "(*UTF)a", "(*)", r"\g{1}(a)", r"(a)\g1", r"\k<n>", "(?C1)a", "(?^i)a", "(?+1)(a)", "(?<=a+)b", "(?<=ab|cb)c",
    # counts
    "a{2}", "a{2,3}b?", "^a{8}$", "^a{9}$", "a{,3}$", "^a{,3}$", "^a{,8}$", "x{,2}", r"x\{,2\}", "x{,}", "x{", "x{a}", "{2}", "^{2}", "a{3,2}", "a**", "*a", "+", "?a", "a|*", "x{1,}$", "a{2}?",
    "x{1 ,2}", "{", "}", "]", "a{99999999999}",
    # sets
    "[abc]", "[^abc]", "[]a]", "[^]a]", "[a-", "[", "[]", "[z-a]", "[a\\]b]", "[[:alpha:]]", "[[a]", "[a[]", r"[\w.]+$", r"[\d]", r"[\s]", r"[^\W]", r"[\b]", "[a-c-e]", "[--a]", r"[\-]", "[.]", "[$]", "[&&]", "[~~]", "[||]", r"[\Z]", r"[\A]",
    "[é]", "[à-ÿ]", "[😀]", r"[\x41-\x43]", r"[\101]", r"[\1]", r"[\8]", "[[.a.]]", "[[=a=]]", r"[\n]", r"[\v]", r"[\07]", r"[^^]", r"[\^]", r"[a\-c]", r"[\B]", "[^", "[^]",
    # escapes
    r"\d", r"\D", r"\s", r"\S", r"\w", r"\W", r"\.", r"\\", r"\-", r"\]", r"\x41", r"\x4", r"\xg0", r"\u0041", r"\u00e9", r"\u004", r"\U0001f600", r"\U00000041", r"\U0001f60", r"\U00110000",
    r"\n", r"\t", r"\v", r"\f", r"\r", r"\a", r"\0", r"\012", r"\101", r"\141", r"\400", r"\8", r"\18", r"(a)\10", r"\B", r"\b", r"\z", r"\h", r"\R", r"\X", r"\K", r"\Qa.b\E", r"\G", r"\pL", r"\p{L}", r"\P{L}", r"\N", r"\N{DIGIT ONE}",
    r"\e", r"\cA", r"\C", r"\H", r"\V", r"\o{101}", r"\x{41}", r"\y", r"\é", r"\ ", r"\#", r"\_", "\\",
    # whitespace and text
    r"^\s", r"a\sb", "a b", "::", "é", "É", "(?i)É", "😀", r"^.$", "\u0663", r"^\d$", r"(?a)\d", "ı", "(?i)ı", r"a\\b", "~~",
]


def expected(pattern):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FutureWarning: possible nested set
        try:
            compiled = re.compile(pattern)
        except (re.error, OverflowError, ValueError) as error:
            return {"pattern": pattern, "error": str(error)}
    return {"pattern": pattern, "found_in": [i for i, name in enumerate(NAMES) if compiled.search(name)]}


if __name__ == "__main__":
    rows = [expected(pattern) for pattern in PATTERNS]
    lines = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows)
    table = '{\n"names": %s,\n"patterns": [\n%s\n]}\n' % (json.dumps(NAMES, ensure_ascii=False), lines)
    pathlib.Path(__file__).with_suffix(".json").write_text(table, encoding="utf-8")

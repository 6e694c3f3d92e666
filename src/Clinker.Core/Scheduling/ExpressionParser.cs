using System.Globalization;

namespace Clinker.Scheduling;

/// <summary>
/// From the tightest: calls, <c>^</c>, signs, <c>* /</c>, <c>+ -</c>, <c>not ! NOT</c>, comparisons (which chain), <c>? :</c>,
/// <c>and &amp;&amp; AND</c>, <c>or || OR</c>, the comma. That order is the evaluator's, odd as <c>not</c> and <c>? :</c> stand in it.
/// </summary>
sealed class ExpressionParser(string text)
{
    /// <summary>How deep parentheses and signs may lie in one another.</summary>
    const int MaxDepth = 100;

    static readonly string[] Comparisons = ["<=", ">=", "!=", "==", "<>", "<", ">"];

    int at;
    int depth;

    /// <exception cref="FormatException"/>
    public ExpressionNode Whole()
    {
        var whole = Comma();
        Blanks();
        return at == text.Length && whole.Several is null ? whole : throw Unexpected();
    }

    ExpressionNode Comma()
    {
        if (++depth > MaxDepth) throw new FormatException($"it is deeper than {MaxDepth} levels");
        var parts = new List<ExpressionNode> { Or() };
        while (Take(",")) parts.Add(Or());
        depth--;
        return parts.Count == 1
            ? parts[0]
            : new(_ => throw new FormatException("a list stands where a value is wanted")) { Several = parts };
    }

    // Both sides are always looked at, as the evaluator does: a word that there isn't is told wherever it stands.
    ExpressionNode Or()
    {
        var left = And();
        while (Take("||") || TakeWord("or", "OR"))
        {
            var (a, b) = (left, And());
            left = new(w => (a.Value(w), b.Value(w)) is var (x, y) && Values.IsTrue(x) ? x : y);
        }
        return left;
    }

    ExpressionNode And()
    {
        var left = Ternary();
        while (Take("&&") || TakeWord("and", "AND"))
        {
            var (a, b) = (left, Ternary());
            left = new(w => (a.Value(w), b.Value(w)) is var (x, y) && Values.IsTrue(x) ? y : x);
        }
        return left;
    }

    ExpressionNode Ternary()
    {
        var question = Comparison();
        if (!Take("?")) return question;
        if (++depth > MaxDepth) throw new FormatException($"it is deeper than {MaxDepth} levels");
        var yes = Ternary();
        if (!Take(":")) throw Unexpected();
        var no = Ternary();
        depth--;
        return new(w => Values.IsTrue(question.Value(w)) ? yes.Value(w) : no.Value(w));
    }

    ExpressionNode Comparison()
    {
        var first = Not();
        var rest = new List<(string Op, ExpressionNode Right)>();
        while (Comparisons.FirstOrDefault(Take) is { } op) rest.Add((op, Not()));
        if (rest.Count == 0) return first;
        return new(w =>
        {
            var left = first.Value(w);
            foreach (var (op, node) in rest)
            {
                var right = node.Value(w);
                if (!Holds(op, left, right)) return false;
                left = right;
            }
            return true;
        });
    }

    static bool Holds(string op, object a, object b) => op switch
    {
        "==" => Values.Same(a, b),
        "!=" or "<>" => !Values.Same(a, b),
        "<" => Values.Compare(a, b) < 0,
        "<=" => Values.Compare(a, b) <= 0,
        ">" => Values.Compare(a, b) > 0,
        _ => Values.Compare(a, b) >= 0,
    };

    ExpressionNode Not()
    {
        Blanks();
        if (!(Take("!") || TakeWord("not", "NOT"))) return Sum();
        if (++depth > MaxDepth) throw new FormatException($"it is deeper than {MaxDepth} levels");
        var of = Not();
        depth--;
        return new(w => !Values.IsTrue(of.Value(w)));
    }

    ExpressionNode Sum()
    {
        var left = Product();
        while (true)
        {
            var plus = Take("+");
            if (!plus && !Take("-")) return left;
            var (a, b) = (left, Product());
            left = plus
                ? new(w => (a.Value(w), b.Value(w)) is var (x, y) && x is string s && y is string t ? s + t : Values.Number(x) + Values.Number(y))
                : new(w => Values.Number(a.Value(w)) - Values.Number(b.Value(w)));
        }
    }

    ExpressionNode Product()
    {
        var left = Sign();
        while (true)
        {
            var times = Take("*");
            if (!times && !Take("/")) return left;
            var (a, b) = (left, Sign());
            left = new(w =>
            {
                var (x, y) = (Values.Number(a.Value(w)), Values.Number(b.Value(w)));
                if (!times && y == 0) throw new FormatException("it divides by zero");
                return times ? x * y : x / y;
            });
        }
    }

    ExpressionNode Sign()
    {
        var minus = Take("-");
        if (!minus && !Take("+")) return Power();
        if (++depth > MaxDepth) throw new FormatException($"it is deeper than {MaxDepth} levels");
        var of = Sign();
        depth--;
        return new(w => minus ? -Values.Number(of.Value(w)) : Values.Number(of.Value(w)));
    }

    ExpressionNode Power()
    {
        var left = Operand();
        if (!Take("^")) return left;
        if (++depth > MaxDepth) throw new FormatException($"it is deeper than {MaxDepth} levels");
        var right = Power();
        depth--;
        return new(w => Math.Pow(Values.Number(left.Value(w)), Values.Number(right.Value(w))));
    }

    ExpressionNode Operand()
    {
        Blanks();
        if (at == text.Length) throw Unexpected();
        var c = text[at];
        if (Take("("))
        {
            var inside = Comma();
            return Take(")") ? inside : throw Unexpected();
        }
        if (c is '"' or '\'')
        {
            var end = text.IndexOf(c, at + 1);
            if (end < 0) throw Unexpected();
            var quoted = text[(at + 1)..end];
            at = end + 1;
            return new(_ => quoted);
        }
        if (char.IsAsciiDigit(c))
        {
            var start = at;
            while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
            if (at + 1 < text.Length && text[at] == '.' && char.IsAsciiDigit(text[at + 1]))
                for (at++; at < text.Length && char.IsAsciiDigit(text[at]); at++) { }
            object number = double.Parse(text.AsSpan(start, at - start), CultureInfo.InvariantCulture);
            return new(_ => number);
        }
        return Word() is { Length: > 0 } word ? Named(word) : throw Unexpected();
    }

    ExpressionNode Named(string word)
    {
        Blanks();
        if (at < text.Length && text[at] == '(') return Call(word, Operand());
        if (word.Split('.') is not [{ Length: > 0 } scope, { Length: > 0 } name]) return new(_ => Values.Of(word));
        return new(w => Values.Of(w(scope, name) ?? throw new FormatException($"there is no {scope}.{name}")));
    }

    static ExpressionNode Call(string function, ExpressionNode arguments)
    {
        var list = arguments.Several ?? [arguments];
        return function switch
        {
            "abs" when list.Count == 1 => new(w => Math.Abs(Values.Number(list[0].Value(w)))),
            "min" => new(w => list.Min(a => Values.Number(a.Value(w)))),
            "max" => new(w => list.Max(a => Values.Number(a.Value(w)))),
            _ => throw new FormatException($"there is no function {function} of {list.Count}: min, max and abs are there"),
        };
    }

    /// <summary>Letters, digits, underscores and dots, from here; it stays where it is when there is none.</summary>
    string Word()
    {
        var start = at;
        if (at < text.Length && (char.IsAsciiLetter(text[at]) || text[at] is '_' or '.'))
            while (at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] is '_' or '.')) at++;
        return text[start..at];
    }

    bool TakeWord(params ReadOnlySpan<string> words)
    {
        Blanks();
        var start = at;
        if (words.Contains(Word())) return true;
        at = start;
        return false;
    }

    bool Take(string sign)
    {
        Blanks();
        if (string.CompareOrdinal(text, at, sign, 0, sign.Length) != 0) return false;
        // Not the beginning of another sign: ! of !=, < of <=.
        if (sign == "!" && at + 1 < text.Length && text[at + 1] == '=') return false;
        at += sign.Length;
        return true;
    }

    void Blanks()
    {
        while (at < text.Length && char.IsWhiteSpace(text[at])) at++;
    }

    FormatException Unexpected() => new(at < text.Length
        ? $"'{text[at]}' is not expected at character {at + 1}"
        : "it ends where something is missing");
}

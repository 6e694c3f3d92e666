using System.Globalization;

namespace Clinker.Scheduling;

/// <summary>
/// Cinder's language for <c>filter_function</c> and <c>goodness_function</c> (cinder/scheduler/evaluator/evaluator.py): numbers,
/// texts, <c>scope.name</c>, <c>min max abs</c>, and the operators of <see cref="ExpressionParser"/>. Two things are better here:
/// <c>a and b and c</c> looks at all three, and of <c>a ? b : c ? d : e</c> the second question is asked too.
/// </summary>
public sealed class Expression
{
    readonly ExpressionNode root;

    Expression(ExpressionNode root) => this.root = root;

    /// <exception cref="FormatException">It is no expression; says where.</exception>
    public static Expression Parse(string text) => new(new ExpressionParser(text).Whole());

    /// <summary>A <see cref="double"/>, a <see cref="bool"/> or a <see cref="string"/>.</summary>
    /// <param name="word">What <c>scope.name</c> stands for; null when there is no such thing.</param>
    /// <exception cref="FormatException">It has no value.</exception>
    public object Evaluate(Func<string, string, string?> word) => root.Value(word);
}

/// <summary>A part of an expression.</summary>
/// <param name="Value">What it is worth, given what words stand for.</param>
sealed record ExpressionNode(Func<Func<string, string, string?>, object> Value)
{
    /// <summary>The parts between commas, where there are commas; null otherwise.</summary>
    public IReadOnlyList<ExpressionNode>? Several { get; init; }
}

/// <summary>Python's values, as far as the two little languages of the scheduler need them.</summary>
static class Values
{
    public static bool IsTrue(object value) => value switch
    {
        bool flag => flag,
        double number => number != 0,
        string text => text.Length > 0,
        _ => false,
    };

    /// <exception cref="FormatException">It is a text.</exception>
    public static double Number(object value) => value switch
    {
        double number => number,
        bool flag => flag ? 1 : 0,
        _ => throw new FormatException($"'{value}' is no number"),
    };

    public static bool Same(object a, object b) => a is string x && b is string y ? x == y
        : a is not string && b is not string && Number(a) == Number(b);

    /// <summary>Below, at or above zero.</summary>
    /// <exception cref="FormatException">A number and a text have no order.</exception>
    public static int Compare(object a, object b) => a is string x && b is string y
        ? string.CompareOrdinal(x, y)
        : Number(a).CompareTo(Number(b));

    /// <summary>A fact that is kept as text: numbers and truths are more than texts.</summary>
    public static object Of(string text) => text switch
    {
        "True" => true,
        "False" => false,
        _ => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : text,
    };
}

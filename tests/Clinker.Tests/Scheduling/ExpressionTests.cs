using Clinker.Scheduling;
using Xunit;

namespace Clinker.Tests.Scheduling;

public sealed class ExpressionTests
{
    static object Of(string text) => Expression.Parse(text).Evaluate((scope, name) => (scope, name) switch
    {
        ("volume", "size") => "5",
        ("stats", "free_capacity_gb") => "12.5",
        ("capabilities", "vendor_name") => "Clinker",
        ("capabilities", "ssd") => "True",
        _ => null,
    });

    [Theory]
    [InlineData("1 + 2 * 3", 7)]
    [InlineData("(1 + 2) * 3", 9)]
    [InlineData("2 ^ 3 ^ 2", 512)]
    [InlineData("-2 ^ 2", -4)]
    [InlineData("10 / 4", 2.5)]
    [InlineData("10 - 4 - 3", 3)]
    [InlineData("- - 3", 3)]
    [InlineData("1.5 + 1", 2.5)]
    [InlineData("max(1, 7, 3) + min(4, 2) + abs(-3)", 12)]
    [InlineData("max(volume.size, 3) * 2", 10)]
    [InlineData("stats.free_capacity_gb", 12.5)]
    [InlineData("volume.size < 10 ? 100 : 50", 100)]
    [InlineData("volume.size > 10 ? 1 : volume.size > 3 ? 2 : 3", 2)]
    [InlineData("0 or 7", 7)]
    [InlineData("3 && 0", 0)]
    public void Numbers(string text, double value) => Assert.Equal(value, Of(text));

    [Theory]
    [InlineData("1 < 2", true)]
    [InlineData("1 < 2 < 3", true)]
    [InlineData("1 < 3 < 2", false)]
    [InlineData("2 >= 2 and 2 <= 2 and 2 == 2", true)]
    [InlineData("1 == 1 and 1 == 1 and 1 == 2", false)]
    [InlineData("2 <> 2", false)]
    [InlineData("2 != 3", true)]
    [InlineData("not (1 > 2)", true)]
    [InlineData("!0", true)]
    [InlineData("NOT 1", false)]
    // Tighter than a comparison, as in Cinder: (not 1) == 0.
    [InlineData("not 1 == 0", true)]
    [InlineData("capabilities.vendor_name == 'Clinker'", true)]
    [InlineData("capabilities.vendor_name == Clinker", true)]
    [InlineData("capabilities.vendor_name != \"Other\"", true)]
    [InlineData("capabilities.ssd", true)]
    [InlineData("capabilities.ssd == True AND capabilities.ssd == 1", true)]
    [InlineData("'a' < 'b' || 1 > 2", true)]
    [InlineData("'5' == 5", false)]
    public void Truths(string text, bool value) => Assert.Equal(value, Of(text));

    [Fact]
    public void Texts() => Assert.Equal("ab", Of("'a' + 'b'"));

    [Theory]
    [InlineData("", "it ends where something is missing")]
    [InlineData("1 +", "it ends where something is missing")]
    [InlineData("1 2", "'2' is not expected at character 3")]
    [InlineData("(1", "it ends where something is missing")]
    [InlineData("1 ? 2", "it ends where something is missing")]
    [InlineData("'a", "''' is not expected at character 1")]
    [InlineData("sin(1)", "there is no function sin of 1: min, max and abs are there")]
    [InlineData("abs(1, 2)", "there is no function abs of 2: min, max and abs are there")]
    [InlineData("1, 2", "it ends where something is missing")]
    [InlineData("$x", "'$' is not expected at character 1")]
    public void What_is_none_says_where(string text, string why) =>
        Assert.Equal(why, Assert.Throws<FormatException>(() => Expression.Parse(text)).Message);

    [Theory]
    [InlineData("volume.colour == 1", "there is no volume.colour")]
    [InlineData("1 == 1 or volume.colour == 1", "there is no volume.colour")]
    [InlineData("1 / 0", "it divides by zero")]
    [InlineData("'a' < 1", "'a' is no number")]
    [InlineData("-'a'", "'a' is no number")]
    [InlineData("(1, 2) + 1", "a list stands where a value is wanted")]
    public void What_has_no_value_says_why(string text, string why) => Assert.Equal(why, Assert.Throws<FormatException>(() => Of(text)).Message);

    [Theory]
    [InlineData('(', 0)]
    [InlineData('-', 1)]
    [InlineData('!', 1)]
    public void Depth_has_a_bound(char what, int of)
    {
        var text = new string(what, 100_000) + new string('1', of);
        Assert.Equal("it is deeper than 100 levels", Assert.Throws<FormatException>(() => Expression.Parse(text)).Message);
    }

    /// <summary>Whatever is written, it is an expression or says that it is none.</summary>
    [Fact]
    public void Nothing_else_comes_of_rubbish()
    {
        string[] pieces = ["1", "2.5", "volume.size", "max", "abs", "(", ")", ",", "+", "-", "*", "/", "^", "?", ":", "and", "or", "not", "!", "<", "<=", "==", "'a'", "\"", " ", "x.y.z", "."];
        var random = new Random(11);
        var right = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var text = string.Join(" ", Enumerable.Range(0, random.Next(1, 9)).Select(_ => pieces[random.Next(pieces.Length)]));
            try { Of(text); right++; }
            catch (FormatException e) { Assert.NotEmpty(e.Message); }
        }
        Assert.True(right > 500, $"{right} were right");
    }
}

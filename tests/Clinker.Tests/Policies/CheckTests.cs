using Clinker.Server.Api;
using Clinker.Server.Policies;
using CsCheck;
using Xunit;
using Check = Clinker.Server.Policies.Check;

namespace Clinker.Tests.Policies;

/// <summary>The policy language, as oslo.policy understands it.</summary>
public sealed class CheckTests
{
    static readonly Caller Member = new("ours", "alice", ["Member", "reader"], IsAdmin: false);

    static bool Passes(string text, string project = "ours", string? user = "alice", params (string Name, string Text)[] others)
    {
        var rules = others.ToDictionary(o => o.Name, o => CheckParser.Parse(o.Text));
        return CheckParser.Parse(text).Passes(new(rules, Member, project, user));
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("@", true)]
    [InlineData("!", false)]
    [InlineData("role:member", true)] // in whichever case
    [InlineData("role:admin", false)]
    [InlineData("not role:admin", true)]
    [InlineData("not not role:admin", false)]
    [InlineData("role:admin or role:reader", true)]
    [InlineData("role:admin and role:reader or role:member", true)]
    [InlineData("role:member or role:admin and role:nobody", true)] // and binds closer
    [InlineData("(role:member or role:admin) and role:nobody", false)]
    [InlineData("not (role:admin or role:nobody)", true)]
    [InlineData("not role:admin and role:nobody", false)]
    [InlineData("ROLE:member", false)] // a kind of that name is something of the caller, and there is none
    [InlineData("role:member AND role:reader", true)]
    [InlineData("((role:member))", true)]
    [InlineData("project_id:%(project_id)s", true)]
    [InlineData("user_id:%(user_id)s", true)]
    [InlineData("user_id:alice", true)]
    [InlineData("user_id:%(project_id)s", false)]
    [InlineData("user_id:%(nothing)s", false)]
    [InlineData("nothing:%(project_id)s", false)]
    [InlineData("is_admin:True", false)]
    [InlineData("is_admin:False", true)]
    [InlineData("is_admin_project:True", true)]
    [InlineData("'ours':%(project_id)s", true)]
    [InlineData("\"theirs\":%(project_id)s", false)]
    [InlineData("True:%(project_id)s", false)]
    [InlineData("'alice@ours':%(user_id)s@%(project_id)s", true)]
    [InlineData("role:%(user_id)s", false)]
    [InlineData("  role:member\n and\trole:reader ", true)]
    public void A_check_says_who_may(string text, bool expected) => Assert.Equal(expected, Passes(text));

    [Fact]
    public void What_belongs_to_others_is_told_apart()
    {
        Assert.False(Passes("project_id:%(project_id)s", project: "theirs"));
        Assert.False(Passes("user_id:%(user_id)s", user: "bob"));
        Assert.False(Passes("user_id:%(user_id)s", user: null));
        Assert.False(Passes("not user_id:%(user_id)s and role:admin", user: null));
    }

    [Fact]
    public void A_rule_refers_to_others()
    {
        Assert.True(Passes("rule:owner or role:admin", others: [("owner", "project_id:%(project_id)s and rule:known"), ("known", "role:member")]));
        Assert.False(Passes("rule:owner", others: [("owner", "role:nobody")]));
    }

    [Theory]
    [InlineData("role", "no check")]
    [InlineData("and role:admin", "missing before 'and'")]
    [InlineData("role:admin or", "missing at its end")]
    [InlineData("role:admin role:member", "'and' or 'or' is missing before 'role:member'")]
    [InlineData("(role:admin", "a ) is missing")]
    [InlineData("role:admin)", "without its (")]
    [InlineData("()", "missing before ')'")]
    [InlineData("not", "missing at its end")]
    [InlineData("http://policy.example.org/%(project_id)s", "asks another server")]
    [InlineData("https://policy.example.org/", "asks another server")]
    [InlineData("rule:", "names no rule")]
    [InlineData(":admin", "nothing before the colon")]
    [InlineData("project_id:%(project_id", "has to end with )s")]
    [InlineData("project_id:50%", "a % stands")]
    public void What_is_not_understood_is_refused_and_said_why(string text, string why) =>
        Assert.Contains(why, Assert.Throws<FormatException>(() => CheckParser.Parse(text)).Message, StringComparison.Ordinal);

    /// <summary>For longer: <c>CsCheck_Time=600</c>, in seconds.</summary>
    [Fact]
    public void Any_text_is_understood_or_refused_and_printed_as_what_it_is()
    {
        string[] words = ["role:admin", "role:member", "and", "or", "not", "(", ")", "@", "!", "rule:x", "'a':%(project_id)s", "user_id:%(user_id)s", "%(", ")s", ":", "a:b:c", "\"", "'", "((", "))"];
        string[] blanks = [" ", "", "  "];
        var text = Gen.Select(Gen.Int[0, words.Length - 1].Array[0, 16], Gen.Int[0, 2]).Select((which, blank) => string.Join(blanks[blank], which.Select(w => words[w])));
        // What is well-formed, so that the printing has something to print.
        string[] checks = ["role:admin", "role:member", "@", "!", "rule:x", "project_id:%(project_id)s", "user_id:%(user_id)s", "'a':a"];
        var leaf = Gen.Int[0, checks.Length - 1].Select(i => checks[i]);
        var good = Gen.Recursive<string>((depth, inner) => depth >= 5 ? leaf : Gen.OneOf(leaf, inner.Select(i => $"not {i}"), inner.Select(i => $"({i})"),
            Gen.Select(inner, inner).Select((l, r) => $"{l} and {r}"), Gen.Select(inner, inner).Select((l, r) => $"({l} or {r})")));
        Gen.OneOf(text, good, Gen.String[0, 60]).Sample(t =>
        {
            Check check;
            try { check = CheckParser.Parse(t); }
            catch (FormatException) { return; /* refused */ }
            var printed = check.ToString();
            Assert.Equal(printed, CheckParser.Parse(printed).ToString());
            Assert.Equal(Answer(check), Answer(CheckParser.Parse(printed)));
        }, iter: Iterations);
        Assert.Throws<FormatException>(() => CheckParser.Parse(string.Concat(Enumerable.Repeat("(", 100_000))));
        Assert.Throws<FormatException>(() => CheckParser.Parse(string.Concat(Enumerable.Repeat("not ", 100_000))));

        static bool? Answer(Check check)
        {
            try { return check.Passes(new(new Dictionary<string, Check> { ["x"] = new Check.Always(true) }, Member, "ours", null)); }
            catch (KeyNotFoundException) { return null; /* of a rule that is not there: files are looked through for those */ }
        }
    }

    [Fact]
    public void Any_file_is_understood_or_refused_with_its_name()
    {
        string[] words = ["volume:create", "admin_api", "rule:admin_api", ":", ": ", "\n", "\n  ", "- ", "[", "]", "{", "}", "\"", "'", "@", "!", "#", ",", "&a ", "*a", "? ", "<<: ", "|", ">", "---\n", "!!binary ", "\t", "\0"];
        var text = Gen.Int[0, words.Length - 1].Array[0, 20].Select(which => string.Concat(which.Select(w => words[w])));
        var folder = Directory.CreateTempSubdirectory("clinker-policy-");
        try
        {
            Gen.OneOf(text, Gen.String[0, 80]).Sample(t =>
            {
                var file = Path.Combine(folder.FullName, $"{Environment.CurrentManagedThreadId}.yaml");
                File.WriteAllText(file, t);
                try { PolicyFile.Read([file]); }
                catch (FormatException e) { Assert.Matches("^(policy: |/)", e.Message); }
            }, iter: Iterations / 4);
        }
        finally { folder.Delete(recursive: true); }
    }

    static long Iterations => Environment.GetEnvironmentVariable("CsCheck_Time") is null ? 20_000 : -1;
}

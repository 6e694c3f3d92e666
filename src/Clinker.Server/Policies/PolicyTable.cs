using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Clinker.Server.Api;

namespace Clinker.Server.Policies;

/// <summary>What <c>clinkerd policy list</c> and <c>check</c> print: who may do what, by the rules in force.</summary>
static class PolicyTable
{
    const string Own = "own", Other = "other", Me = "me", Somebody = "somebody";

    /// <summary>People as Keystone makes them: whoever is admin is member too, and whoever is member is reader.</summary>
    static readonly (string Name, string[] Roles)[] Usual =
        [("anyone", []), ("reader", ["reader"]), ("member", ["member", "reader"]), ("admin", ["admin", "member", "reader"])];

    /// <summary>How far somebody may: nothing; what he made himself; what is his project's; what is anybody's.</summary>
    enum May
    {
        Nothing,
        Made,
        Project,
        All,
    }

    /// <summary>Every rule, and how far each may.</summary>
    /// <param name="roles">Of one caller, to be shown instead of the usual ones; empty for those.</param>
    public static string List(Policy policy, IReadOnlyList<string> roles, bool asJson)
    {
        var columns = roles.Count == 0 ? Usual : [(string.Join('+', roles), roles.ToArray())];
        var rules = policy.Rules.Keys.Where(name => name.Contains(':', StringComparison.Ordinal)).Order(StringComparer.Ordinal).ToList();
        if (asJson) return Json(json =>
        {
            json.WriteStartArray();
            foreach (var name in rules)
            {
                json.WriteStartObject();
                json.WriteString("rule", name);
                json.WriteString("check", policy.Rules[name].ToString());
                json.WriteBoolean("default", IsDefault(policy, name));
                json.WriteStartObject("may");
                foreach (var column in columns) json.WriteString(column.Name, Word(Reach(policy, name, column.Roles)));
                json.WriteEndObject();
                json.WriteEndObject();
            }
            json.WriteEndArray();
        });
        var width = rules.Max(r => r.Length) + 1;
        var text = new StringBuilder().Append("rule".PadRight(width));
        foreach (var column in columns) text.Append(CultureInfo.InvariantCulture, $"  {column.Name,-7}");
        Trim(text);
        foreach (var name in rules)
        {
            text.Append((name + (IsDefault(policy, name) ? "" : "*")).PadRight(width));
            foreach (var column in columns) text.Append("  ").Append(Word(Reach(policy, name, column.Roles)).PadRight(Math.Max(7, column.Name.Length)));
            Trim(text);
        }
        return text.Append("\nproject: what is the caller's project's; made: what the caller made; all: what is anybody's; -: nothing; *: not as it is by default\n").ToString();
    }

    /// <summary>One rule for one caller.</summary>
    /// <returns>What is printed, and whether he may at least something.</returns>
    public static (string Text, bool May) Check(Policy policy, IEnumerable<Api.Route> routes, string rule, IReadOnlyList<string> roles, bool asJson)
    {
        var may = Reach(policy, rule, roles);
        var asked = routes.Where(r => r.Rule.Name == rule).Select(r => $"{r.Method} {r.Path}{(r.Key is { } key ? " " + key : "")}").ToList();
        if (asJson) return (Json(json =>
        {
            json.WriteStartObject();
            json.WriteString("rule", rule);
            json.WriteString("check", policy.Rules[rule].ToString());
            json.WriteString("may", Word(may));
            json.WriteStartArray("routes");
            foreach (var route in asked) json.WriteStringValue(route);
            json.WriteEndArray();
            json.WriteEndObject();
        }), may != May.Nothing);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{(roles.Count == 0 ? "without a role" : "with " + string.Join(", ", roles))}: {rule} {may switch
        {
            May.All => "is allowed, for what is anybody's",
            May.Project => "is allowed, for what is the caller's project's",
            May.Made => "is allowed, for what the caller made",
            _ => "is not allowed",
        }}\n");
        Follow(rule, 0, []);
        foreach (var route in asked) text.Append(CultureInfo.InvariantCulture, $"asked by {route}\n");
        return (text.ToString(), may != May.Nothing);

        void Follow(string name, int depth, HashSet<string> told)
        {
            if (!told.Add(name)) return;
            text.Append(' ', 2 * depth).Append(CultureInfo.InvariantCulture, $"{name}: {policy.Rules[name]}{(IsDefault(policy, name) ? "" : "  (not as it is by default)")}\n");
            foreach (var reference in policy.Rules[name].References.Distinct()) Follow(reference, depth + 1, told);
        }
    }

    static May Reach(Policy policy, string rule, IReadOnlyList<string> roles)
    {
        var caller = new Caller(Own, Me, roles, roles.Contains("admin", StringComparer.OrdinalIgnoreCase));
        return policy.Allows(rule, caller, Other, Somebody) ? May.All
            : policy.Allows(rule, caller, Own, Somebody) ? May.Project
            : policy.Allows(rule, caller, Own, Me) ? May.Made
            : May.Nothing;
    }

    static bool IsDefault(Policy policy, string name) =>
        PolicyDefaults.All.TryGetValue(name, out var text) && policy.Rules[name].ToString() == CheckParser.Parse(text).ToString();

    static string Word(May may) => may switch { May.All => "all", May.Project => "project", May.Made => "made", _ => "-" };

    static string Json(Action<Utf8JsonWriter> write)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes, new JsonWriterOptions { Indented = true })) write(json);
        return Encoding.UTF8.GetString(bytes.WrittenSpan) + "\n";
    }

    static void Trim(StringBuilder text)
    {
        while (text.Length > 0 && text[^1] == ' ') text.Length--;
        text.Append('\n');
    }
}

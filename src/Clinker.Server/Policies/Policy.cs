using System.Collections.Frozen;
using Clinker.Server.Api;

namespace Clinker.Server.Policies;

/// <summary>What the rules say: their defaults, and what a deployment has put in their place.</summary>
sealed class Policy
{
    /// <summary>The rule that says who is an admin.</summary>
    const string Admin = "context_is_admin";

    readonly FrozenDictionary<string, Check> rules;

    Policy(IEnumerable<KeyValuePair<string, Check>> rules) => this.rules = rules.ToFrozenDictionary();

    /// <summary>The defaults.</summary>
    public static Policy Default { get; } =
        new(PolicyDefaults.All.Select(r => KeyValuePair.Create(r.Key, CheckParser.Parse(r.Value))));

    /// <summary>All rules, by name.</summary>
    public IReadOnlyDictionary<string, Check> Rules => rules;

    /// <summary>These rules with others in their place, or beside them for others to refer to.</summary>
    /// <exception cref="FormatException">One refers to a rule that there is not, or to itself; in words for whoever wrote it.</exception>
    public Policy With(IReadOnlyDictionary<string, Check> own)
    {
        var all = new Dictionary<string, Check>(rules);
        foreach (var (name, check) in own)
            foreach (var of in PolicyDefaults.Former.GetValueOrDefault(name) ?? [])
                if (!own.ContainsKey(of)) all[of] = check;
        foreach (var (name, check) in own) all[name] = check;
        foreach (var name in own.Keys) Follow(name, []);
        return new(all);

        void Follow(string name, HashSet<string> behind)
        {
            if (!all.TryGetValue(name, out var check)) throw new FormatException($"{behind.Last()} refers to the rule {name}, which there is not");
            if (!behind.Add(name)) throw new FormatException($"{name} refers to itself, by way of {string.Join(", ", behind.Where(b => b != name).DefaultIfEmpty(name))}");
            if (behind.Contains(Admin) && check.Leaves.OfType<Check.Caller>().Any(c => c.Attribute == "is_admin"))
                throw new FormatException($"{Admin} says who is_admin is{(name == Admin ? "" : $", and refers to {name}")}: it can't ask for that itself");
            foreach (var reference in check.References) Follow(reference, behind);
            behind.Remove(name);
        }
    }

    /// <summary>Whether a rule lets the caller act on something of a project.</summary>
    /// <param name="userId">Who made that, where it is remembered.</param>
    public bool Allows(string rule, Caller caller, string projectId, string? userId) => rules[rule].Passes(new(rules, caller, projectId, userId));

    /// <summary>Whether a caller is an admin, of whom that is not known yet; what he calls for is itself the target (cinder/policy.py, check_is_admin).</summary>
    public bool MakesAdmin(Caller caller) => Allows(Admin, caller, caller.ProjectId, caller.UserId);

    public static bool Knows(string rule) => PolicyDefaults.All.ContainsKey(rule);
}

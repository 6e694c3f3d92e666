using Clinker.Server.Api;

namespace Clinker.Server.Policies;

/// <summary>What a policy rule asks, understood (<see cref="CheckParser"/>). Its text is what the parser reads as the same.</summary>
abstract record Check
{
    public abstract bool Passes(in Question question);

    /// <summary>The names of the rules that it refers to.</summary>
    public virtual IEnumerable<string> References => [];

    /// <summary><c>@</c>, or nothing at all: everyone; <c>!</c>: nobody.</summary>
    public sealed record Always(bool Answer) : Check
    {
        public override bool Passes(in Question question) => Answer;
        public override string ToString() => Answer ? "@" : "!";
    }

    public sealed record Not(Check Of) : Check
    {
        public override bool Passes(in Question question) => !Of.Passes(question);
        public override IEnumerable<string> References => Of.References;
        public override string ToString() => Of is All or Any ? $"not ({Of})" : $"not {Of}";
    }

    public sealed record All(IReadOnlyList<Check> Of) : Check
    {
        public override bool Passes(in Question question)
        {
            foreach (var check in Of) if (!check.Passes(question)) return false;
            return true;
        }

        public override IEnumerable<string> References => Of.SelectMany(c => c.References);
        public override string ToString() => string.Join(" and ", Of.Select(c => c is Any or All ? $"({c})" : c.ToString()));
    }

    public sealed record Any(IReadOnlyList<Check> Of) : Check
    {
        public override bool Passes(in Question question)
        {
            foreach (var check in Of) if (check.Passes(question)) return true;
            return false;
        }

        public override IEnumerable<string> References => Of.SelectMany(c => c.References);
        public override string ToString() => string.Join(" or ", Of.Select(c => c is Any ? $"({c})" : c.ToString()));
    }

    /// <summary><c>rule:name</c>: what another rule asks.</summary>
    public sealed record Rule(string Name) : Check
    {
        public override bool Passes(in Question question) => question.Rules[Name].Passes(question);
        public override IEnumerable<string> References => [Name];
        public override string ToString() => $"rule:{Name}";
    }

    /// <summary><c>role:name</c>: whether the caller has a role, in whichever case it is written.</summary>
    public sealed record Role(Text Name) : Check
    {
        public override bool Passes(in Question question) =>
            Name.For(question) is { } name && question.Caller.Roles.Contains(name, StringComparer.OrdinalIgnoreCase);
        public override string ToString() => $"role:{Name}";
    }

    /// <summary><c>user_id:%(user_id)s</c>: whether something of the caller is what is on the right.</summary>
    public sealed record Caller(string Attribute, Text Is) : Check
    {
        public override bool Passes(in Question question) =>
            Is.For(question) is { } text && question.OfCaller(Attribute) is { } own && own == text;
        public override string ToString() => $"{Attribute}:{Is}";
    }

    /// <summary><c>'a literal':%(name)s</c>: whether something of the target is that.</summary>
    /// <param name="Written">With its quotes.</param>
    public sealed record Literal(string Written, string Value, Text Is) : Check
    {
        public override bool Passes(in Question question) => Is.For(question) == Value;
        public override string ToString() => $"{Written}:{Is}";
    }
}

/// <summary>The right side of a check: text, with parts of the target in it.</summary>
/// <param name="Parts">Text and names by turns, text first.</param>
sealed record Text(IReadOnlyList<string> Parts)
{
    /// <summary>Null when the target has no such part.</summary>
    public string? For(in Question question)
    {
        if (Parts.Count == 1) return Parts[0];
        var text = Parts[0];
        for (var i = 1; i < Parts.Count; i += 2)
        {
            if (question.OfTarget(Parts[i]) is not { } value) return null;
            text = string.Concat(text, value, Parts[i + 1]);
        }
        return text;
    }

    public override string ToString() => string.Concat(Parts.Select((part, i) => i % 2 == 0 ? part : $"%({part})s"));
}

/// <summary>Who asks to do something to what.</summary>
/// <param name="Rules">All rules, by name.</param>
/// <param name="ProjectId">Of the target.</param>
/// <param name="UserId">Of who made the target; null where nobody is remembered.</param>
readonly record struct Question(IReadOnlyDictionary<string, Check> Rules, Api.Caller Caller, string ProjectId, string? UserId)
{
    /// <summary>By the names of oslo.context; null for what the caller has not.</summary>
    public string? OfCaller(string name) => name switch
    {
        "user_id" or "user" => Caller.UserId,
        "project_id" or "tenant" => Caller.ProjectId,
        "is_admin" => Caller.IsAdmin ? "True" : "False",
        // Known only of admins: one of another project than Keystone's admin project is none.
        "is_admin_project" => Caller.IsAdmin || !Caller.Roles.Contains("admin", StringComparer.OrdinalIgnoreCase) ? "True" : "False",
        _ => null,
    };

    /// <summary>By the names of Cinder's targets; null for what there is not.</summary>
    public string? OfTarget(string name) => name switch
    {
        "project_id" or "tenant_id" or "target.project_id" or "target.project.id" => ProjectId,
        "user_id" or "target.user_id" => UserId,
        _ => null,
    };
}

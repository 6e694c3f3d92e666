namespace Clinker.Server.Api;

/// <summary>A policy rule that a route names. A string is one that is asked for the caller's own project, before the handler.</summary>
/// <param name="OfRow">The handler asks it, for the row that it finds.</param>
readonly record struct PolicyRule(string Name, bool OfRow = false)
{
    public static implicit operator PolicyRule(string name) => new(name);

    public static PolicyRule Row(string name) => new(name, OfRow: true);
}

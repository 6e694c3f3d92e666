namespace Clinker.Server.Configuration;

/// <summary>An option, as data: what is read, checked, printed by <c>--sample-config</c> and written into docs/configuration.md.</summary>
/// <param name="Section">The section it stands in; <see cref="Backend"/> for a backend's own.</param>
/// <param name="Default">As it would be written; null where there is none.</param>
/// <param name="Means">What it does: whole sentences.</param>
abstract record Option(string Section, string Key, string? Default, string Means)
{
    /// <summary>Stands for the section of whichever backend is read.</summary>
    public const string Backend = "<backend>";

    public abstract string Accepts { get; }

    /// <summary>Whether its value may hold a password.</summary>
    public bool Secret { get; init; }

    /// <summary>Older names, which are read with a note: section (null: the same) and key.</summary>
    public IReadOnlyList<(string? Section, string Key)> Old { get; init; } = [];

    /// <summary>Only said in the reference: what stands for a default that is not a fixed text.</summary>
    public string? DefaultMeans { get; init; }

    /// <summary>The names under which its value is looked up for one section, today's first.</summary>
    public IReadOnlyList<(string Section, string Key)> Names(string section)
    {
        var names = new List<(string, string)> { (section, Key) };
        foreach (var (old, key) in Old) names.Add((old ?? section, key));
        return names;
    }
}

/// <inheritdoc/>
sealed record Option<T>(string Section, string Key, Kind<T> Kind, string? Default, string Means) : Option(Section, Key, Default, Means)
{
    public override string Accepts => Kind.Accepts;
}

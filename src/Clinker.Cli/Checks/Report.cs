namespace Clinker.Cli.Checks;

/// <summary>How bad a finding is. A note changes nothing in the exit code.</summary>
internal enum Level
{
    Ok,
    Note,
    Warning,
    Error,
}

/// <summary>One thing that was looked at.</summary>
/// <param name="Check">Its kind: packages, config, shares, names, ports, bricks, mount, permissions, space, options, database, endpoint.</param>
/// <param name="About">What it is about: a share, a file, a server.</param>
/// <param name="Said">What was found, as a sentence.</param>
/// <param name="Fix">What to do; null where nothing is to be done.</param>
internal sealed record Finding(Level Level, string Check, string About, string Said, string? Fix);

/// <summary>Findings in the order in which they were made.</summary>
internal sealed class Report
{
    readonly List<Finding> findings = [];

    public IReadOnlyList<Finding> Findings => findings;

    public void Ok(string check, string about, string said) => findings.Add(new(Level.Ok, check, about, said, null));
    public void Note(string check, string about, string said, string? fix = null) => findings.Add(new(Level.Note, check, about, said, fix));
    public void Warning(string check, string about, string said, string fix) => findings.Add(new(Level.Warning, check, about, said, fix));
    public void Error(string check, string about, string said, string fix) => findings.Add(new(Level.Error, check, about, said, fix));
    public void Add(Report other) => findings.AddRange(other.findings);

    public bool IsWell => findings.TrueForAll(f => f.Level is Level.Ok or Level.Note);
}

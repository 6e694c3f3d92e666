using System.Text;
using System.Text.RegularExpressions;

namespace Clinker.Cli.Users;

/// <summary>
/// The users of <c>auth_strategy = basic</c>, as lines <c>name:hash:project=role,role;project=role</c>. Comments, order and lines that
/// are not edited stay as they are.
/// </summary>
internal sealed partial class UsersDocument
{
    readonly List<string> lines;
    readonly Dictionary<string, int> at = [];

    /// <param name="path">For messages.</param>
    /// <exception cref="CliFault">A line is no user, or it is not UTF-8.</exception>
    public UsersDocument(string path, byte[] content)
    {
        var text = Text(path, content);
        lines = [.. (text.EndsWith('\n') ? text[..^1] : text).Split('\n')];
        if (text.Length == 0) lines.Clear();
        for (var i = 0; i < lines.Count; i++)
        {
            var line = lines[i].Trim();
            if (line.Length == 0 || line[0] == '#') continue;
            if (!Line().IsMatch(line)) throw new CliFault($"{path}, line {i + 1} is no user: NAME:HASH:PROJECT=ROLE,ROLE;PROJECT=ROLE is expected.");
            if (!at.TryAdd(line[..line.IndexOf(':')], i)) throw new CliFault($"{path}, line {i + 1}: {line[..line.IndexOf(':')]} stands there already.");
        }
    }

    public byte[] ToBytes() => Encoding.UTF8.GetBytes(string.Concat(lines.Select(l => l + "\n")));

    public bool Has(string name) => at.ContainsKey(name);

    /// <summary>Everybody, with each of his projects and his roles there.</summary>
    public IEnumerable<(string Name, string Project, string[] Roles)> Memberships() =>
        at.OrderBy(u => u.Value).SelectMany(u => Projects(u.Key).Select(p => (u.Key, p.Project, p.Roles)));

    /// <summary>Somebody new.</summary>
    public void Add(string name, string hash, string project, string[] roles)
    {
        at[name] = lines.Count;
        lines.Add($"{name}:{hash}:{project}={string.Join(',', roles)}");
    }

    public void SetHash(string name, string hash) => Set(name, hash, Parts(name)[2]);

    /// <summary>Gives a project; roles that he has there already give way to these.</summary>
    public void SetRoles(string name, string project, string[] roles)
    {
        var projects = Projects(name);
        var there = projects.FindIndex(p => p.Project == project);
        if (there < 0) projects.Add((project, roles));
        else projects[there] = (project, roles);
        Set(name, Parts(name)[1], string.Join(';', projects.Select(p => $"{p.Project}={string.Join(',', p.Roles)}")));
    }

    public bool HasProject(string name, string project) => Projects(name).Exists(p => p.Project == project);

    public void Remove(string name)
    {
        at.Remove(name, out var line);
        lines.RemoveAt(line);
        foreach (var (other, index) in at.ToList())
            if (index > line) at[other] = index - 1;
    }

    static string Text(string path, byte[] content)
    {
        try { return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(content); }
        catch (DecoderFallbackException) { throw new CliFault($"{path} is not UTF-8."); }
    }

    void Set(string name, string hash, string projects) => lines[at[name]] = $"{name}:{hash}:{projects}";

    string[] Parts(string name) => lines[at[name]].Trim().Split(':');

    List<(string Project, string[] Roles)> Projects(string name) =>
        [.. Parts(name)[2].Split(';', StringSplitOptions.TrimEntries).Select(p => (p[..p.IndexOf('=')], p[(p.IndexOf('=') + 1)..].Split(',', StringSplitOptions.TrimEntries)))];

    [GeneratedRegex(@"\A[^:]+:[^:]+:[^:;=]+=[^:;=]+(;[^:;=]+=[^:;=]+)*\z")]
    private static partial Regex Line();
}

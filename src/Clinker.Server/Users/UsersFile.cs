using System.Globalization;
using System.Text.RegularExpressions;
using Clinker.Server.Api;

namespace Clinker.Server.Users;

/// <summary>
/// Reads the users file: a line for each, <c>name:hash:project=role,role;project=role</c>. The hash is what <c>htpasswd -B</c> makes.
/// Empty lines and those that start with <c>#</c> say nothing.
/// </summary>
static partial class UsersFile
{
    /// <summary>The most that a hash may cost, as the logarithm of rounds: about a second of a processor.</summary>
    const int MaxCost = 14;
    const int MaxName = 255;

    /// <summary>The users by name.</summary>
    /// <exception cref="FormatException">All that is wrong.</exception>
    public static IReadOnlyDictionary<string, User> Read(string path)
    {
        var wrong = new List<string>();
        var users = Read(path, wrong);
        return wrong.Count == 0 ? users : throw new FormatException(string.Join("; ", wrong));
    }

    /// <summary>The users by name.</summary>
    /// <param name="wrong">What is wrong is added here, each with the file and its line; with anything there, no one should be let in by this.</param>
    public static IReadOnlyDictionary<string, User> Read(string path, List<string> wrong)
    {
        var users = new Dictionary<string, User>();
        try
        {
            var number = 0;
            foreach (var text in File.ReadLines(path))
            {
                number++;
                var line = text.Trim();
                if (line.Length == 0 || line[0] == '#') continue;
                try
                {
                    var user = Parse(line);
                    if (!users.TryAdd(user.Name, user)) throw new FormatException($"{user.Name} stands there already");
                }
                catch (FormatException e) { wrong.Add($"{path}, line {number}: {e.Message}"); }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { wrong.Add($"{path} can't be read: {e.Message}"); }
        return users;
    }

    static User Parse(string line)
    {
        if (line.Split(':') is not [var name, var hash, var projects])
            throw new FormatException("expected is NAME:HASH:PROJECT=ROLE, with more roles after a comma and more projects after a semicolon");
        if (name.Length is 0 or > MaxName || name != name.Trim() || name.Any(char.IsControl))
            throw new FormatException($"a name has 1 to {MaxName} characters, no blanks at its ends and no control characters");
        if (Hash().Match(hash) is not { Success: true } bcrypt)
            throw new FormatException($"the password of {name} is not hashed by bcrypt ($2y$, $2b$ or $2a$), which htpasswd -nB does");
        if (int.Parse(bcrypt.Groups[1].Value, CultureInfo.InvariantCulture) is < 4 or > MaxCost)
            throw new FormatException($"the hash of {name} has a cost of {bcrypt.Groups[1].Value}; accepted: 4 to {MaxCost}");
        var memberships = projects.Split(';').Select(p => Project(name, p.Trim())).ToList();
        if (memberships.GroupBy(m => m.ProjectId).FirstOrDefault(g => g.Skip(1).Any()) is { } twice)
            throw new FormatException($"{name} has project {twice.Key} twice");
        return new User(name, hash, memberships);
    }

    static Membership Project(string name, string text)
    {
        if (text.Split('=') is not [var project, var roles])
            throw new FormatException($"\"{text}\" says of {name} no project with roles: PROJECT=ROLE,ROLE");
        if (!Matcher.IsProject(project))
            throw new FormatException($"\"{project}\" is no project: accepted are letters, digits and - _ . @");
        var named = roles.Split(',', StringSplitOptions.TrimEntries);
        if (named.FirstOrDefault(r => !Role().IsMatch(r)) is { } role)
            throw new FormatException($"\"{role}\" is no role: accepted are letters, digits and - _ .");
        return new Membership(project, [.. named.Select(r => r.ToLowerInvariant()).Distinct()]);
    }

    // The last character of a salt carries two bits; with others the hash could never be met.
    [GeneratedRegex(@"\A\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}\z")] private static partial Regex Hash();
    [GeneratedRegex(@"\A[A-Za-z0-9_.-]+\z")] private static partial Regex Role();
}

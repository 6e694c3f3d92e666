using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Clinker.Cli.Output;
using Clinker.Cli.Shares;

namespace Clinker.Cli.Users;

/// <summary><c>clinker user add|remove|list</c>: who may call where there is no Keystone. The daemon reads the file anew by itself.</summary>
internal static partial class UserCommands
{
    const string DefaultFile = "/etc/cinder/htpasswd";
    /// <summary>As a logarithm of rounds: about a quarter of a second, for who asks and for who guesses.</summary>
    const int Cost = 12;
    /// <summary>bcrypt sees no more of a password.</summary>
    const int MaxPasswordBytes = 72;
    const int MaxName = 255;

    public static Command Make(Terminal terminal) => new Command("user",
        "The users of a daemon without Keystone (auth_strategy = basic): their passwords, projects and roles, in a file on this host.")
        .With(Add(terminal), Remove(terminal), List(terminal));

    static Option<string?> FileOption() => Opt.Text("--file", "file",
        $"the users file (default: http_basic_auth_user_file of {CinderConf.DefaultPath}, else {DefaultFile})");

    static Command Add(Terminal terminal)
    {
        var name = Opt.One("name", "the user's name");
        var project = Opt.Text("--project", "project", "a project that he may work in; the first one is meant where a request names none");
        var roles = Opt.Many("--role", "role", "his role in the project: admin (of everything), member (default), reader, or one of policy.yaml; may be repeated");
        var stdin = Opt.Flag("--password-stdin", "read the password from standard input instead of asking for it");
        var file = FileOption();
        var command = new Command("add", "Add a user. One who is there already gets the project (with --role, the roles that he has in it give way to "
            + "these) and keeps his password; without --project, or with --password-stdin, he gets a new password.").With(name, project, roles, stdin, file);
        command.Validators.Add(result =>
        {
            if (result.Given(roles) && !result.Given(project)) result.AddError("argument --role: --project has to say where");
        });
        command.SetAction(parse =>
        {
            var (path, who, where) = (At(parse.GetValue(file), terminal), Name(parse.GetRequiredValue(name)), Project(parse.GetValue(project)));
            var asked = (parse.GetValue(roles) ?? []).Select(Role).Distinct().ToArray();
            var isNew = !File.Exists(path) || !Read(path).Has(who);
            if (isNew && where is null) throw new CliFault($"{who} is not in {path} yet: --project says which project he may work in.", CliFault.Usage);
            var hash = isNew || where is null || parse.GetValue(stdin) ? Hash(Password(terminal, who, parse.GetValue(stdin))) : null;
            Edit(path, users =>
            {
                if (!users.Has(who))
                {
                    if (hash is null || where is null) throw new CliFault($"{who} is not in {path} any more.");
                    users.Add(who, hash, where, asked is [] ? ["member"] : asked);
                    return;
                }
                if (hash is not null) users.SetHash(who, hash);
                if (where is not null && (asked is not [] || !users.HasProject(who, where))) users.SetRoles(who, where, asked is [] ? ["member"] : asked);
            });
        });
        return command;
    }

    static Command Remove(Terminal terminal)
    {
        var name = Opt.One("name", "the user's name");
        var file = FileOption();
        var command = new Command("remove", "Remove a user. What belongs to his projects stays.").With(name, file);
        command.SetAction(parse =>
        {
            var (path, who) = (At(parse.GetValue(file), terminal), parse.GetRequiredValue(name));
            if (!Read(path).Has(who)) throw new CliFault($"{who} is not in {path}.");
            Edit(path, users =>
            {
                if (users.Has(who)) users.Remove(who);
            });
        });
        return command;
    }

    static Command List(Terminal terminal)
    {
        var file = FileOption();
        var command = new Command("list", "List users with their projects and roles").With(file);
        var output = OutputOptions.ForList(command, terminal);
        command.SetAction(parse => output.Write(parse, new Listing(["Name", "Project", "Roles"], [.. Read(At(parse.GetValue(file), terminal)).Memberships()
            .Select(m => new Cell[] { m.Name, m.Project, new(new JsonArray([.. m.Roles.Select(r => (JsonNode?)r)]), string.Join(", ", m.Roles)) })])));
        return command;
    }

    static string At(string? file, Terminal terminal)
    {
        if (file is not null) return Path.Combine(terminal.Directory, file);
        return File.Exists(CinderConf.DefaultPath) && CinderConf.Read(CinderConf.DefaultPath).UsersFile is { } configured ? configured : DefaultFile;
    }

    static UsersDocument Read(string path) => new(path, EditedFile.Read(path));

    static void Edit(string path, Action<UsersDocument> edit) => EditedFile.Edit(path, before =>
    {
        var users = new UsersDocument(path, before ?? []);
        edit(users);
        return users.ToBytes();
    }, secret: true);

    static string Name(string text) => text.Length is > 0 and <= MaxName && text[0] != '#' && text == text.Trim() && !text.Contains(':') && !text.Any(char.IsControl)
        ? text
        : throw new CliFault($"A name has 1 to {MaxName} characters, none of them a colon, no # in front and no blanks at its ends.", CliFault.Usage);

    static string? Project(string? text) => text is null || ProjectId().IsMatch(text)
        ? text
        : throw new CliFault($"{text} can't be a project: it has letters, digits and - _ . @ only.", CliFault.Usage);

    static string Role(string text) => RoleName().IsMatch(text)
        ? text.ToLowerInvariant()
        : throw new CliFault($"{text} can't be a role: it has letters, digits and - _ . only.", CliFault.Usage);

    static string Password(Terminal terminal, string name, bool fromInput)
    {
        string? password;
        if (fromInput)
        {
            using var input = new StreamReader(terminal.In());
            password = input.ReadLine();
        }
        else
        {
            password = terminal.AskHidden($"Password of {name}: ")
                ?? throw new CliFault("There is no terminal to ask for a password: give it on standard input, with --password-stdin.", CliFault.Usage);
            if (terminal.AskHidden("The same again: ") != password) throw new CliFault("These were two different passwords: nothing is changed.");
        }
        if (string.IsNullOrEmpty(password)) throw new CliFault("An empty password is none: nothing is changed.");
        if (Encoding.UTF8.GetByteCount(password) > MaxPasswordBytes)
            throw new CliFault($"The password has more than {MaxPasswordBytes} bytes, of which bcrypt sees no more: choose a shorter one.");
        return password.Any(char.IsControl) ? throw new CliFault("A password has no control characters.") : password;
    }

    // $2y$ is what htpasswd writes and reads.
    static string Hash(string password) => BCrypt.Net.BCrypt.HashPassword(password, BCrypt.Net.BCrypt.GenerateSalt(Cost, 'y'));

    [GeneratedRegex(@"\A[A-Za-z0-9_.@-]{1,255}\z")] private static partial Regex ProjectId();
    [GeneratedRegex(@"\A[A-Za-z0-9_.-]+\z")] private static partial Regex RoleName();
}

using System.CommandLine;
using Clinker.Cli.Cloud;

namespace Clinker.Cli.Commands;

/// <summary>One run of the command line: its surroundings and the options that every command has.</summary>
internal sealed class Session(Terminal terminal)
{
    // By the setting's name in clouds.yaml; the option is --os- and the same with dashes, as in the OpenStack client.
    static readonly (string Setting, string Value, string Help)[] Settings =
    [
        ("auth_type", "type", "none, http_basic, password, token, v3applicationcredential, admin_token (OS_AUTH_TYPE)"),
        ("auth_url", "url", "Identity endpoint (OS_AUTH_URL)"),
        ("username", "name", "user's name (OS_USERNAME)"),
        ("user_id", "id", "user's ID (OS_USER_ID)"),
        ("password", "password", "user's password (OS_PASSWORD)"),
        ("user_domain_name", "name", "domain of the user (OS_USER_DOMAIN_NAME)"),
        ("user_domain_id", "id", "domain ID of the user (OS_USER_DOMAIN_ID)"),
        ("project_name", "name", "project to work in (OS_PROJECT_NAME)"),
        ("project_id", "id", "project's ID (OS_PROJECT_ID)"),
        ("project_domain_name", "name", "domain of the project (OS_PROJECT_DOMAIN_NAME)"),
        ("project_domain_id", "id", "domain ID of the project (OS_PROJECT_DOMAIN_ID)"),
        ("domain_name", "name", "domain to be scoped to (OS_DOMAIN_NAME)"),
        ("domain_id", "id", "domain ID to be scoped to (OS_DOMAIN_ID)"),
        ("system_scope", "all", "scope for system operations (OS_SYSTEM_SCOPE)"),
        ("token", "token", "a token to use instead of a password (OS_TOKEN)"),
        ("application_credential_id", "id", "application credential's ID (OS_APPLICATION_CREDENTIAL_ID)"),
        ("application_credential_name", "name", "application credential's name (OS_APPLICATION_CREDENTIAL_NAME)"),
        ("application_credential_secret", "secret", "application credential's secret (OS_APPLICATION_CREDENTIAL_SECRET)"),
        ("endpoint", "url", $"Block Storage endpoint, instead of the catalog's (OS_ENDPOINT; default {CloudSettings.EmbeddedEndpoint})"),
        ("region_name", "name", "region (OS_REGION_NAME)"),
        ("interface", "kind", "public, internal or admin endpoint (OS_INTERFACE)"),
        ("volume_api_version", "version", "3, or a microversion 3.N (OS_VOLUME_API_VERSION; default: the newest both know)"),
        ("cacert", "file", "certificate authorities to trust (OS_CACERT)"),
        ("cert", "file", "client certificate, PEM (OS_CERT)"),
        ("key", "file", "client certificate's key, PEM (OS_KEY)"),
    ];

    readonly Option<string?> cloud = Opt.Text("--os-cloud", "name", "cloud of clouds.yaml (OS_CLOUD)");
    readonly Dictionary<string, Option<string?>> settings =
        Settings.ToDictionary(s => s.Setting, s => Opt.Text("--os-" + s.Setting.Replace('_', '-'), s.Value, s.Help));
    readonly Option<bool> insecure = Opt.Flag("--insecure", "do not verify the server's certificate (OS_INSECURE)");
    readonly Option<bool> debug = Opt.Flag("--debug", "print requests and answers to stderr, secrets masked");

    public Terminal Terminal => terminal;

    /// <summary>The options as symbols, to be added to the root; they may stand anywhere on the line.</summary>
    public IEnumerable<Option> Globals()
    {
        foreach (var option in settings.Values.Cast<Option>().Prepend(cloud).Append(insecure).Append(debug))
        {
            option.Recursive = true;
            yield return option;
        }
    }

    public CloudSettings Resolve(ParseResult parse)
    {
        var given = settings.Append(KeyValuePair.Create("cloud", cloud)).Select(s => (s.Key, Value: parse.GetValue(s.Value)))
            .Where(s => s.Value is { Length: > 0 }).ToDictionary(s => s.Key, s => s.Value!);
        if (parse.GetValue(insecure)) given["insecure"] = "true";
        return CloudResolver.Resolve(given, terminal);
    }

    /// <summary>Where requests and answers are printed; null unless --debug was given.</summary>
    public TextWriter? Debug(ParseResult parse) => parse.GetValue(debug) ? terminal.Error : null;

    public Task<BlockStorage> Connect(ParseResult parse, CancellationToken token) =>
        BlockStorage.Connect(Resolve(parse), Debug(parse), token);

    /// <summary>A command that talks to the API: it is connected, run, and let go.</summary>
    public Command Command(string name, string help, Func<Command, Func<ParseResult, BlockStorage, CancellationToken, Task>> make)
    {
        var command = new Command(name, help);
        var run = make(command);
        command.SetAction(async (parse, token) =>
        {
            using var api = await Connect(parse, token);
            await run(parse, api, token);
            return 0;
        });
        return command;
    }

    /// <summary>Does several things by name, all of them whatever becomes of one; says which failed.</summary>
    /// <exception cref="CliFault">At least one failed.</exception>
    public async Task Each(IReadOnlyList<string> names, string verb, string kind, Func<string, Task> act)
    {
        var failed = 0;
        foreach (var name in names)
        {
            try
            {
                await act(name);
            }
            catch (Exception e) when (e is ApiFault or CliFault)
            {
                failed++;
                await terminal.Error.WriteLineAsync($"Failed to {verb} {kind} with name or ID '{name}': {e.Message}");
            }
        }
        if (failed > 0) throw new CliFault($"{failed} of {names.Count} {kind}s failed to {verb}.");
    }
}

namespace Clinker.Cli.Cloud;

/// <summary>Where the Block Storage API is and who asks, settled from options, environment and files.</summary>
internal sealed class CloudSettings(string name, IReadOnlyDictionary<string, string> values)
{
    /// <summary>What a Clinker that was started without any configuration listens on.</summary>
    public const string EmbeddedEndpoint = "http://127.0.0.1:8776/v3";

    // The service's official type and its older names (os-service-types), which prefix settings of clouds.yaml.
    static readonly string[] Services = ["block_storage", "volumev3", "volumev2", "volume", "block_store"];

    /// <summary>The cloud's name in clouds.yaml, <c>envvars</c>, or <c>defaults</c>.</summary>
    public string Name => name;

    /// <summary>A setting by its name in clouds.yaml, <c>auth</c>'s members included.</summary>
    public string? this[string key] => values.GetValueOrDefault(key);

    /// <summary>An endpoint that is given rather than looked up in the catalog.</summary>
    public string? Endpoint => Service("endpoint_override") ?? Service("endpoint") ?? this["endpoint_override"] ?? this["endpoint"];

    /// <summary>The API version asked for: <c>3.N</c> or a bare <c>3</c>; null when nothing was said.</summary>
    public string? ApiVersion => Service("default_microversion") ?? Service("api_version");

    public string Interface
    {
        get
        {
            var name = Service("interface") ?? this["interface"] ?? this["endpoint_type"] ?? "public";
            return name.EndsWith("URL", StringComparison.Ordinal) ? name[..^3] : name; // "publicURL" of older files
        }
    }

    public string? Region => Service("region_name") ?? (this["region_name"] is { Length: > 0 } region ? region : null);

    public bool Verify => !IsTrue(this["insecure"]) && !string.Equals(this["verify"], "false", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// <c>none</c>, <c>http_basic</c>, <c>password</c>, <c>token</c>, <c>v3applicationcredential</c> or <c>admin_token</c>;
    /// told by what is there when it is not said.
    /// </summary>
    /// <exception cref="CliFault">Another kind was asked for.</exception>
    public string AuthType => this["auth_type"]?.ToLowerInvariant() switch
    {
        "none" or "noauth" => "none",
        "http_basic" => "http_basic",
        "password" or "v3password" => "password",
        "token" or "v3token" => "token",
        "v3applicationcredential" => "v3applicationcredential",
        "admin_token" or "token_endpoint" => "admin_token",
        null => Guess(),
        var other => throw new CliFault(
            $"Authentication type {other} is not known here. Known are: none, http_basic, password, token, v3applicationcredential, admin_token."),
    };

    string Guess()
    {
        if (this["auth_url"] is null && this["username"] is null && this["token"] is null) return "none";
        if (this["application_credential_secret"] is not null) return "v3applicationcredential";
        if (this["token"] is not null) return this["auth_url"] is null ? "admin_token" : "token";
        return "password";
    }

    string? Service(string key) => Services.Select(s => this[$"{s}_{key}"]).FirstOrDefault(v => v is { Length: > 0 });

    internal static bool IsTrue(string? value) => value?.ToLowerInvariant() is "true" or "1" or "yes" or "on";
}

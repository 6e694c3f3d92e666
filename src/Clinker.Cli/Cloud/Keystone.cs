using System.Text.Json.Nodes;

namespace Clinker.Cli.Cloud;

/// <summary>Asks Keystone (Identity API v3) for a token and for where Block Storage is.</summary>
internal static class Keystone
{
    /// <summary>Names that the catalog may list a v3 service under (os-service-types).</summary>
    static readonly string[] Types = ["block-storage", "block-store", "volumev3"];

    /// <returns>The token, and the endpoint found in its catalog unless the settings name one.</returns>
    /// <exception cref="CliFault">Something is missing, or the catalog has no such service.</exception>
    public static async Task<(string Token, string Endpoint)> Authenticate(CloudSettings settings, Wire wire, CancellationToken cancel)
    {
        var url = settings["auth_url"]
            ?? throw new CliFault("Missing value auth-url required for authentication: set OS_AUTH_URL, --os-auth-url or auth_url in clouds.yaml.");
        var answer = await wire.Send(HttpMethod.Post, new Uri(V3(url) + "/auth/tokens"), null, Request(settings), cancel);
        var token = answer.Headers.TryGetValues("X-Subject-Token", out var values) ? values.First() : null;
        if (token is null) throw new CliFault($"{url} gave no token: is it an Identity v3 endpoint?");
        return (token, settings.Endpoint ?? Find(answer.Body?["token"]?["catalog"] as JsonArray ?? [], settings));
    }

    static string V3(string url)
    {
        url = url.TrimEnd('/');
        if (url.EndsWith("/v3", StringComparison.Ordinal)) return url;
        return (url.EndsWith("/v2.0", StringComparison.Ordinal) ? url[..^5] : url) + "/v3";
    }

    internal static JsonObject Request(CloudSettings s)
    {
        var (method, secret) = s.AuthType switch
        {
            "token" => ("token", new JsonObject { ["id"] = Needed(s, "token") }),
            "v3applicationcredential" => ("application_credential", Credential(s)),
            _ => ("password", new JsonObject { ["user"] = With(User(s), "password", Needed(s, "password")) }),
        };
        var auth = new JsonObject { ["identity"] = new JsonObject { ["methods"] = new JsonArray(method), [method] = secret } };
        if (method != "application_credential" && Scope(s) is { } scope) auth["scope"] = scope;
        return new JsonObject { ["auth"] = auth };
    }

    static JsonObject Credential(CloudSettings s)
    {
        var credential = new JsonObject { ["secret"] = Needed(s, "application_credential_secret") };
        if (s["application_credential_id"] is { } id) return With(credential, "id", id);
        credential["name"] = Needed(s, "application_credential_name");
        credential["user"] = User(s);
        return credential;
    }

    static JsonObject User(CloudSettings s) => s["user_id"] is { } id
        ? new JsonObject { ["id"] = id }
        : new JsonObject { ["name"] = Needed(s, "username"), ["domain"] = Domain(s, "user_") };

    static JsonObject? Scope(CloudSettings s)
    {
        if (s["trust_id"] is { } trust) return new JsonObject { ["OS-TRUST:trust"] = new JsonObject { ["id"] = trust } };
        if (s["project_id"] is { } id) return new JsonObject { ["project"] = new JsonObject { ["id"] = id } };
        if (s["project_name"] is { } name) return new JsonObject { ["project"] = new JsonObject { ["name"] = name, ["domain"] = Domain(s, "project_") } };
        if (s["system_scope"] is not null) return new JsonObject { ["system"] = new JsonObject { ["all"] = true } };
        return s["domain_id"] is not null || s["domain_name"] is not null ? new JsonObject { ["domain"] = Domain(s, "") } : null;
    }

    static JsonObject Domain(CloudSettings s, string of)
    {
        if (s[of + "domain_id"] is { } id) return new JsonObject { ["id"] = id };
        if (s[of + "domain_name"] is { } name) return new JsonObject { ["name"] = name };
        return s["default_domain_name"] is { } byName
            ? new JsonObject { ["name"] = byName }
            : new JsonObject { ["id"] = s["default_domain_id"] ?? s["default_domain"] ?? "default" };
    }

    static JsonObject With(JsonObject o, string key, string value)
    {
        o[key] = value;
        return o;
    }

    static string Needed(CloudSettings s, string key) => s[key] is { Length: > 0 } value ? value : throw new CliFault(
        $"Missing value {key.Replace('_', '-')} required for authentication type {s.AuthType}: set OS_{key.ToUpperInvariant()} or {key} in clouds.yaml.");

    internal static string Find(JsonArray catalog, CloudSettings s)
    {
        var services = catalog.Where(e => Types.Contains((string?)e?["type"])).OrderBy(e => Array.IndexOf(Types, (string?)e!["type"])).ToList();
        foreach (var service in services)
            foreach (var endpoint in service!["endpoints"] as JsonArray ?? [])
                if ((string?)endpoint?["interface"] == s.Interface
                    && (s.Region is null || s.Region == ((string?)endpoint?["region_id"] ?? (string?)endpoint?["region"])))
                    return (string?)endpoint?["url"] ?? throw new CliFault("The catalog's endpoint for block-storage has no URL.");
        throw new CliFault(services.Count == 0
            ? "The service catalog has no block-storage (or volumev3) service. Register it in Keystone, or name the endpoint with OS_BLOCK_STORAGE_ENDPOINT_OVERRIDE."
            : $"{s.Interface} endpoint for block-storage service{(s.Region is null ? "" : $" in {s.Region} region")} not found.");
    }
}

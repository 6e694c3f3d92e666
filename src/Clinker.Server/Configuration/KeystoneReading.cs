using System.Text.Json;
using Clinker.Server.Outside;

namespace Clinker.Server.Configuration;

/// <summary>Reads [keystone_authtoken], and [nova], which says in the same words as whom Nova is asked.</summary>
static class KeystoneReading
{
    /// <returns>Null where something is wrong, which is told.</returns>
    public static KeystoneSettings? Of(Reading from)
    {
        var problems = from.Problems.Count;
        var signIn = SignIn(from, Sections.Keystone);
        var url = from.Get(Options.AuthUrl);
        if (url is null && !from.IsSet(Options.AuthUrl)) Missing(from, Options.AuthUrl, Sections.Keystone, "it says where Keystone is");
        // As keystonemiddleware reads it: −1 is no cache.
        var cached = Math.Max(0, from.Get(Options.TokenCacheTime));
        if (from.IsSet(Options.MemcachedServers)) from.Note($"[{Sections.Keystone}] {Options.MemcachedServers.Key} is not needed: each daemon remembers tokens itself");
        var settings = new KeystoneSettings
        {
            Discovery = url is null || HasVersion(url) ? null : At(url, ""),
            AuthUrl = url is null ? null! : At(url, "v3/"),
            WwwAuthenticateUri = (from.Get(Options.WwwAuthenticateUri) ?? url)?.OriginalString ?? "",
            SignIn = signIn,
            Authorities = from.Get(Options.KeystoneAuthorities),
            Insecure = from.Get(Options.KeystoneInsecure),
            Deadline = from.Get(Options.KeystoneTimeout),
            CacheTime = TimeSpan.FromSeconds(cached),
            ServiceRoles = [.. (from.Get(Options.ServiceTokenRoles) ?? []).Select(r => r.ToLowerInvariant())],
            ServiceRolesRequired = from.Get(Options.ServiceTokenRolesRequired),
            ServiceTypes = from.Get(Options.ServiceType) ?? [],
        };
        return from.Problems.Count > problems ? null : settings;
    }

    /// <returns>Null: there is no compute service; or something is wrong, which is told.</returns>
    public static KeystoneSettings? OfNova(Reading from)
    {
        var (seeks, timeout) = (new Sought("compute", from.Get(Options.NovaInterface)!, from.Get(Options.NovaRegion)), from.Get(Options.NovaTimeout));
        var section = from.Get(Options.NovaAuthSection) ?? Sections.Nova;
        if (!from.IsSet(Options.AuthUrl, section))
        {
            if (from.IsSet(Options.Username, section) || from.IsSet(Options.NovaAuthSection))
                from.Note($"[{Sections.Nova}] has no effect without {Options.AuthUrl.Key}: there are no snapshots of volumes in use with Nova's help");
            return null;
        }
        var problems = from.Problems.Count;
        var url = from.Get(Options.AuthUrl, section);
        var settings = new KeystoneSettings
        {
            Discovery = url is null || HasVersion(url) ? null : At(url, ""),
            AuthUrl = url is null ? null! : At(url, "v3/"),
            WwwAuthenticateUri = "",
            SignIn = SignIn(from, section),
            Authorities = from.Get(Options.KeystoneAuthorities, Sections.Nova),
            Insecure = from.Get(Options.KeystoneInsecure, Sections.Nova),
            Deadline = timeout,
            CacheTime = TimeSpan.Zero,
            ServiceRoles = [],
            ServiceTypes = [],
            Seeks = seeks,
        };
        return from.Problems.Count > problems ? null : settings;
    }

    /// <summary><c>http://host:5000</c>, <c>…/identity/</c>, <c>…/v2.0</c> and <c>…/v3</c> all mean the same.</summary>
    static Uri At(Uri url, string below)
    {
        var path = url.AbsolutePath.TrimEnd('/');
        if (HasVersion(url)) path = path[..path.LastIndexOf('/')];
        return new UriBuilder(url) { Path = $"{path}/{below}", Query = "", Fragment = "" }.Uri;
    }

    static bool HasVersion(Uri url) => url.AbsolutePath.TrimEnd('/') is var path
        && (path.EndsWith("/v3", StringComparison.Ordinal) || path.EndsWith("/v2.0", StringComparison.Ordinal));

    static byte[] SignIn(Reading from, string section)
    {
        KeystoneJson.Auth auth;
        if (from.Get(Options.AuthType, section) == "v3applicationcredential")
        {
            if (!from.IsSet(Options.CredentialId, section)) Missing(from, Options.CredentialId, section, "with auth_type = v3applicationcredential it says which");
            if (!from.IsSet(Options.CredentialSecret, section)) Missing(from, Options.CredentialSecret, section, "with auth_type = v3applicationcredential it is the password");
            auth = new(new(["application_credential"], null, new(from.Get(Options.CredentialId, section), from.Get(Options.CredentialSecret, section))), null);
        }
        else
        {
            var user = Named(from, section, Options.UserId, Options.Username, Options.UserDomainId, Options.UserDomainName);
            var project = Named(from, section, Options.ProjectId, Options.ProjectName, Options.ProjectDomainId, Options.ProjectDomainName);
            if (!from.IsSet(Options.Password, section)) Missing(from, Options.Password, section, "it is that of the daemon's user");
            auth = new(new(["password"], new(new(user.Id, user.Name, user.Domain, from.Get(Options.Password, section))), null), new(project));
        }
        return JsonSerializer.SerializeToUtf8Bytes(new(auth), KeystoneJsonContext.Default.SignIn);
    }

    /// <summary>A user or a project: by its id, or by its name in a domain.</summary>
    static KeystoneJson.Named Named(
        Reading from, string section, Option<string> id, Option<string> name, Option<string> domainId, Option<string> domainName)
    {
        if (from.Get(id, section) is { } known) return new(known, null, null);
        if (!from.IsSet(name, section) && !from.IsSet(id, section)) Missing(from, name, section, $"it (or {id.Key}) says who the daemon is to Keystone");
        else if (!from.IsSet(domainId, section) && !from.IsSet(domainName, section))
            Missing(from, domainName, section, $"{name.Key} is a name in a domain, and neither {domainName.Key} nor {domainId.Key} says which");
        var domain = from.Get(domainId, section) is { } d ? new KeystoneJson.Named(d, null, null) : new KeystoneJson.Named(null, from.Get(domainName, section), null);
        return new(null, from.Get(name, section), domain);
    }

    static void Missing(Reading from, Option option, string section, string why) => from.Wrong(option, section, section == Sections.Keystone
        ? $"it has to be written with {Options.AuthStrategy.Key} = keystone: {why}"
        : $"it has to be written with {Options.AuthUrl.Key}: {why}");
}

using Clinker.Server.Api.Network;

namespace Clinker.Server.Configuration;

/// <summary>Reads what <see cref="NetworkSettings"/> holds.</summary>
static class NetworkReading
{
    public static NetworkSettings Of(Reading from, Roles roles)
    {
        var parsing = from.Get(Options.ProxyHeaders);
        var proxies = from.Get(Options.TrustedProxies);
        return new()
        {
            Tls = Tls(from, roles),
            TrustedProxies = parsing && proxies is not null ? proxies : [],
            Cors = Cors(from),
            AddressRate = from.Get(Options.AddressRate),
            ProjectRate = from.Get(Options.ProjectRate),
            MaxConnections = from.Get(Options.MaxConnections),
            MaxConnectionsPerAddress = from.Get(Options.MaxConnectionsPerAddress),
        };
    }

    static TlsFiles? Tls(Reading from, Roles roles)
    {
        var (certificate, key, authorities) = (from.Get(Options.CertFile), from.Get(Options.KeyFile), from.Get(Options.CaFile));
        if (!from.Get(Options.UseSsl) || !roles.HasFlag(Roles.Api)) return null;
        foreach (var option in (Option[])[Options.CertFile, Options.KeyFile])
            if (!from.IsSet(option)) from.Wrong(option, null, $"it has to be written with {Options.UseSsl.Key} = true");
        if (certificate is null || key is null) return null;
        var files = new TlsFiles(certificate, key, authorities);
        try { files.Options(); }
        catch (IOException e) { from.Wrong($"[{Sections.Ssl}] {e.Message}"); }
        return files;
    }

    static Cors? Cors(Reading from)
    {
        var (origins, credentials, expose, age) = (from.Get(Options.AllowedOrigin), from.Get(Options.AllowCredentials), from.Get(Options.ExposeHeaders), from.Get(Options.MaxAge));
        var (methods, headers) = (from.Get(Options.AllowMethods), from.Get(Options.AllowHeaders));
        return origins is { Count: > 0 } ? new(origins, credentials, expose ?? [], age, methods ?? [], headers ?? []) : null;
    }
}

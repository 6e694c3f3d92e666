namespace Clinker.Server.Api.Reference;

/// <summary>The page that shows <c>/openapi.json</c>: whole in itself, it asks for nothing else.</summary>
static class DocsPage
{
    /// <summary>Keeps browsers from asking for more, too.</summary>
    public const string Policy =
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'";

    public static readonly Lazy<byte[]> Html = new(() =>
    {
        using var resource = typeof(DocsPage).Assembly.GetManifestResourceStream("docs.html")!;
        var html = new byte[resource.Length];
        resource.ReadExactly(html);
        return html;
    });
}

using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary><c>clinker api METHOD PATH</c>: any request, for what has no command of its own.</summary>
internal static class RawApi
{
    public static Command Make(Session session) => session.Command("api", "Send a request and print the answer's body", command =>
    {
        var method = Opt.One("method", "GET, POST, PUT or DELETE");
        method.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD");
        var path = Opt.One("path", "below the endpoint (volumes/detail?limit=1), or from /v3 on");
        var body = Opt.Text("--body", "json", "the request's body; @FILE reads a file, @- reads standard input", "-d");
        var microversion = Opt.Text("--microversion", "version", "3.N, for this request (default: as agreed with the server)");
        command.With(method, path, body, microversion);

        return async (parse, api, token) =>
        {
            JsonNode? sent = null;
            if (parse.GetValue(body) is { } given)
            {
                try
                {
                    sent = JsonNode.Parse(given.StartsWith('@') ? await Read(session.Terminal, given[1..], token) : given);
                }
                catch (JsonException e)
                {
                    throw new CliFault($"--body is not JSON: {e.Message}", CliFault.Usage);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    throw new CliFault($"--body can't be read: {e.Message}", CliFault.Usage);
                }
            }
            var answer = await api.Send(HttpMethod.Parse(parse.GetRequiredValue(method).ToUpperInvariant()),
                parse.GetRequiredValue(path), sent, token, parse.GetValue(microversion));
            if (answer is not null) await session.Terminal.Out.WriteAsync(JsonText.Of(answer));
        };
    });

    static async Task<string> Read(Terminal terminal, string file, CancellationToken token)
    {
        using var reader = file == "-" ? new StreamReader(terminal.In()) : new StreamReader(Path.Combine(terminal.Directory, file));
        return await reader.ReadToEndAsync(token);
    }
}

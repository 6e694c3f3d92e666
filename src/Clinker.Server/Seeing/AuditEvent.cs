using System.Buffers;
using System.Text;
using System.Text.Json;
using Clinker.Operations;
using Clinker.Server.Api;
using Microsoft.AspNetCore.Http;

namespace Clinker.Server.Seeing;

/// <summary>
/// Who asked what of which resource, with which result: an event of CADF (DMTF DSP0262, "Cloud Auditing Data Federation"), with names and
/// values as OpenStack's audit middleware gives them (keystonemiddleware/audit). What was accepted and is done later is "pending", and a
/// second event with the same request id tells how it ended.
/// </summary>
static class AuditEvent
{
    const string Unknown = "unknown";
    const string Service = "service/storage/block";

    /// <summary>A request that has its answer.</summary>
    /// <param name="answer">What was answered; null where nobody was there any more to be answered.</param>
    public static ReadOnlyMemory<byte> Asked(Call call, AnswerBuffer? answer)
    {
        var (http, status) = (call.Http, call.Http.Response.StatusCode);
        var route = call.Route ?? call.Endpoint!.Any;
        var outcome = answer is null ? Unknown : status == 202 ? "pending" : status < 400 ? "success" : "failure";
        return Line(call.Ids.New(), call.Time.GetUtcNow(), Action(route), outcome, json =>
        {
            if (answer is not null)
            {
                json.WriteStartObject("reason");
                json.WriteString("reasonType", "HTTP");
                json.WriteString("reasonCode", status.ToString(System.Globalization.CultureInfo.InvariantCulture));
                json.WriteEndObject();
            }
            json.WriteStartObject("initiator");
            json.WriteString("typeURI", "service/security/account/user");
            json.WriteString("id", call.Caller?.UserId ?? Unknown);
            json.WriteString("project_id", call.Caller?.ProjectId ?? Unknown);
            json.WriteString("request_id", call.RequestId);
            if (call.GlobalId is { } global) json.WriteString("global_request_id", global);
            json.WriteStartObject("host");
            json.WriteString("address", call.ClientAddress?.ToString() ?? Unknown);
            if (http.Request.Headers.UserAgent.ToString() is { Length: > 0 } agent) json.WriteString("agent", agent);
            json.WriteEndObject();
            json.WriteEndObject();
            Target(json, Type(route.Path), call.Arg0.Length > 0 ? call.Arg0 : outcome is "pending" or "success" && route.Method == "POST" ? IdIn(answer!) : null,
                call.PathProject);
            Observer(json, call.Settings.Host);
            json.WriteString("requestPath", http.Request.Path.Value);
        });
    }

    /// <summary>Work that a request had begun, and that is done, or has failed and is undone.</summary>
    public static ReadOnlyMemory<byte> Ended(string id, OperationRow operation, Fault? fault, string host, DateTimeOffset now) =>
        Line(id, now, $"{(operation.Kind.StartsWith("Create", StringComparison.Ordinal) ? "create" : operation.Kind.StartsWith("Delete", StringComparison.Ordinal) ? "delete" : "update")}/{operation.Kind}",
            fault is null ? "success" : "failure", json =>
            {
                if (fault is not null)
                {
                    json.WriteStartObject("reason");
                    json.WriteString("reasonType", "fault");
                    json.WriteString("reasonCode", fault.GetType().Name);
                    json.WriteEndObject();
                }
                json.WriteStartObject("initiator");
                json.WriteString("typeURI", "service/security/account/user");
                json.WriteString("id", Unknown);
                json.WriteString("project_id", operation.ProjectId ?? Unknown);
                json.WriteString("request_id", operation.RequestId ?? Unknown);
                json.WriteEndObject();
                Target(json, $"{Service}/{operation.About.Kind}", operation.About.Id, operation.ProjectId);
                Observer(json, host);
            });

    static ReadOnlyMemory<byte> Line(string id, DateTimeOffset now, string action, string outcome, Action<Utf8JsonWriter> rest)
    {
        var bytes = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(bytes, AnswerWriter.Relaxed))
        {
            json.WriteStartObject();
            json.WriteString("typeURI", "http://schemas.dmtf.org/cloud/audit/1.0/event");
            json.WriteString("eventType", "activity");
            json.WriteString("id", id);
            json.WriteString("eventTime", now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'+0000'", System.Globalization.CultureInfo.InvariantCulture));
            json.WriteString("action", action);
            json.WriteString("outcome", outcome);
            rest(json);
            json.WriteEndObject();
        }
        bytes.Write("\n"u8);
        return bytes.WrittenMemory;
    }

    static void Target(Utf8JsonWriter json, string type, string? id, string? project)
    {
        json.WriteStartObject("target");
        json.WriteString("typeURI", type);
        json.WriteString("id", id ?? Unknown);
        if (project is not null) json.WriteString("project_id", project);
        json.WriteEndObject();
    }

    static void Observer(Utf8JsonWriter json, string host)
    {
        json.WriteStartObject("observer");
        json.WriteString("typeURI", Service);
        json.WriteString("name", "cinder");
        json.WriteString("id", host);
        json.WriteEndObject();
    }

    /// <summary>CADF's action, with what Cinder calls it behind where it is none of the four.</summary>
    public static string Action(Api.Route route)
    {
        var last = route.Path[(route.Path.LastIndexOf('/') + 1)..];
        if (route.Key is { } key) return key is "delete" or "os-force_delete" ? "delete/" + key : "update/" + key;
        if (route.Method == "GET" && route.Success == 200)
            return last.StartsWith('{') ? "read" : route.Name.Contains("_list", StringComparison.Ordinal) ? "read/list" : "read/" + last;
        var verb = route.Name[(route.Name.LastIndexOf('_') + 1)..];
        return verb is "create" or "delete" or "update" ? verb : "update/" + (last.StartsWith('{') ? verb : last);
    }

    /// <summary>The kinds along the path: <c>service/storage/block/volumes/volume/metadata</c>.</summary>
    public static string Type(string path)
    {
        var type = new StringBuilder(Service);
        var before = "";
        foreach (var segment in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            type.Append('/').Append(segment.StartsWith('{') ? before.TrimEnd('s') : segment);
            before = segment;
        }
        return type.ToString();
    }

    /// <summary>The id of what was made: an answer is an object with one member, which has it.</summary>
    static string? IdIn(AnswerBuffer answer)
    {
        if (answer.Length is 0 or > 64 * 1024) return null;
        var reader = new Utf8JsonReader(answer.ToArray());
        while (reader.Read())
            if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 2 && reader.ValueTextEquals("id"u8))
                return reader.Read() && reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        return null;
    }
}

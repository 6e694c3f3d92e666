using System.Globalization;
using System.Text.Json;
using Clinker.Operations;
using Microsoft.AspNetCore.Http;

namespace Clinker.Server.Api;

/// <summary>What went wrong, as Cinder's clients know it: the one place where a fault becomes a status.</summary>
static class FaultResponses
{
    const string Generic = "The server has either erred or is incapable of performing the requested operation.";

    public static int StatusOf(Fault fault) => fault switch
    {
        Fault.NotFound => 404,
        Fault.Missing => 404,
        Fault.Invalid => 400,
        Fault.Conflict => 409,
        Fault.Forbidden => 403,
        Fault.OverQuota => 413,
        Fault.NoValidBackend => 400,
        Fault.BadSignature => 400,
        Fault.NoBackupService => 503,
        Fault.Unavailable => 503,
        Fault.Misconfigured => 500,
        Fault.BackendDown => 503,
        _ => 500,
    };

    /// <summary>Cinder's name of a status (cinder/api/openstack/wsgi.py, Fault).</summary>
    public static string NameOf(int status) => status switch
    {
        400 => "badRequest",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "itemNotFound",
        405 => "badMethod",
        409 => "conflictingRequest",
        413 or 429 => "overLimit",
        415 => "badMediaType",
        501 => "notImplemented",
        503 => "serviceUnavailable",
        _ => "computeFault",
    };

    /// <summary>Writes the answer for whatever was thrown, and gives its status.</summary>
    /// <param name="toAdmin">Whoever is none reads nothing of backends and hosts.</param>
    public static int Write(HttpContext http, Exception thrown, AnswerBuffer to, bool toAdmin)
    {
        var response = http.Response;
        switch (thrown)
        {
            case Refusal { Empty: true } refusal:
                response.StatusCode = refusal.Status;
                return refusal.Status;
            case Refusal { Plain: true } refusal:
                response.StatusCode = refusal.Status;
                response.ContentType = "text/plain; charset=UTF-8";
                Plain(to, $"{refusal.Status} Not Found\n\n{refusal.Message}\n\n   ");
                return refusal.Status;
            case Refusal { Challenge: { } challenge } refusal:
                response.Headers.WWWAuthenticate = challenge;
                return Unauthorized(response, refusal, to);
            case Refusal refusal:
                if (refusal.VersionEcho is { } echo) response.Headers[Microversion.Header] = $"volume {echo}";
                return Json(response, refusal.Status, refusal.Message, to, refusal.Details, refusal.RetryAfter);
            case FaultException fault:
                return Json(response, StatusOf(fault.Fault), toAdmin ? fault.Message : fault.Fault.ForUsers, to);
            case BadHttpRequestException bad:
                return Json(response, bad.StatusCode, bad.StatusCode switch
                {
                    408 => "The request's body did not arrive in time.",
                    413 => "Request is too large.",
                    _ => "Malformed request body",
                }, to);
            default:
                return Json(response, 500, Generic, to);
        }
    }

    static int Json(HttpResponse response, int status, string message, AnswerBuffer to, string? details = null, int? retryAfter = null)
    {
        response.StatusCode = status;
        response.ContentType = "application/json";
        using var json = new Utf8JsonWriter(to, AnswerWriter.Relaxed);
        json.WriteStartObject();
        json.WriteStartObject(NameOf(status));
        json.WriteNumber("code", status);
        json.WriteString("message", message);
        if (details is not null) json.WriteString("details", details);
        if (status == 413) retryAfter = 0;
        if (retryAfter is { } seconds)
        {
            var text = seconds.ToString(CultureInfo.InvariantCulture);
            json.WriteString("retryAfter", text);
            response.Headers.RetryAfter = text;
        }
        json.WriteEndObject();
        json.WriteEndObject();
        return status;
    }

    static int Unauthorized(HttpResponse response, Refusal refusal, AnswerBuffer to)
    {
        response.StatusCode = refusal.Status;
        response.ContentType = "application/json";
        using var json = new Utf8JsonWriter(to, AnswerWriter.Relaxed);
        json.WriteStartObject();
        json.WriteStartObject("error");
        json.WriteNumber("code", refusal.Status);
        json.WriteString("title", "Unauthorized");
        json.WriteString("message", refusal.Message);
        json.WriteEndObject();
        json.WriteEndObject();
        return refusal.Status;
    }

    public static void Plain(AnswerBuffer to, string text)
    {
        var span = to.GetSpan(System.Text.Encoding.UTF8.GetMaxByteCount(text.Length));
        to.Advance(System.Text.Encoding.UTF8.GetBytes(text, span));
    }
}

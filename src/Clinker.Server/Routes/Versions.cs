using Clinker.Server.Api;

namespace Clinker.Server.Routes;

/// <summary>The version document: what discovery reads first (cinder/api/versions.py).</summary>
static class Versions
{
    const string Updated = "2023-08-31T00:00:00Z";

    public static IAnswer Document(Call call) => new Answer(Hyperlinks.Root(call) + "/v3/");

    sealed record Answer(string Self) : IAnswer
    {
        public void Write(AnswerWriter to)
        {
            var json = to.Json;
            json.WriteStartObject();
            json.WriteStartArray("versions");
            json.WriteStartObject();
            json.WriteString("id", "v3.0");
            json.WriteString("status", "CURRENT");
            json.WriteString("version", Microversion.Latest.ToString());
            json.WriteString("min_version", Microversion.First.ToString());
            json.WriteString("updated", Updated);
            json.WriteStartArray("links");
            json.WriteStartObject();
            json.WriteString("rel", "describedby");
            json.WriteString("type", "text/html");
            json.WriteString("href", "https://docs.openstack.org/");
            json.WriteEndObject();
            json.WriteStartObject();
            json.WriteString("rel", "self");
            json.WriteString("href", Self);
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteStartArray("media-types");
            json.WriteStartObject();
            json.WriteString("base", "application/json");
            json.WriteString("type", "application/vnd.openstack.volume+json;version=3");
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }
    }
}

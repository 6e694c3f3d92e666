using Clinker.Operations;
using Clinker.Outside;
using Clinker.Server.Api;

namespace Clinker.Server.Routes;

/// <summary>Images that requests name: looked up as the caller, since only he knows what he may see.</summary>
static class ImageReference
{
    const string Unknown = "Invalid image identifier or unable to access requested image.";

    /// <summary>
    /// By its id, a URL that ends in its id (as Nova makes them), or a name that only one has (cinder/api/v3/volumes.py,
    /// _image_uuid_from_ref).
    /// </summary>
    /// <exception cref="Refusal">400: there is none; 409: several have the name.</exception>
    /// <exception cref="FaultException">Unavailable.</exception>
    public static async Task<Image> Find(Call call, string reference)
    {
        if (call.Settings.Images is not { } images)
            throw Refusal.BadRequest("Invalid image identifier or unable to access requested image: no image service is configured.");
        using var limit = call.Limit();
        try
        {
            var id = reference[(reference.LastIndexOf('/') + 1)..];
            if (Python.IsUuid(id) && await ById(images, id) is { } image) return image;
            if (reference.Length == 0) throw Refusal.BadRequest(Unknown);
            var found = await images.Named(reference, call.Caller.Token, limit.Token);
            if (found.Count > 1) throw new Refusal(409, $"Multiple matches found for '{reference}', use an ID to be more specific.");
            return found.Count == 1 ? found[0] : throw Refusal.BadRequest(Unknown);
        }
        catch (FaultException e) when (!e.Fault.Transient) { throw Refusal.BadRequest(Unknown); }

        async Task<Image?> ById(Images of, string id)
        {
            try { return await of.Get(id, call.Caller.Token, limit.Token); }
            catch (FaultException e) when (!e.Fault.Transient) { return null; }
        }
    }

    /// <exception cref="FaultException">NotFound; Unavailable.</exception>
    public static async Task<Image> Get(Call call, string id)
    {
        using var limit = call.Limit();
        return await Service(call).Get(id, call.Caller.Token, limit.Token);
    }

    /// <exception cref="Refusal">400.</exception>
    public static Images Service(Call call) => call.Settings.Images ?? throw Refusal.BadRequest("No image service is configured.");
}

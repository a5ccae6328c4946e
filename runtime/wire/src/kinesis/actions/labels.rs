//! What streams and their consumers both carry, tags and a policy, changed in one place for both.

use std::collections::BTreeMap;

use super::{
    super::{answer::Answer, error::AwsError, resource::Resource},
    Carrier,
    settings::check_in_use,
};

/// The labels of one resource while they are changed.
pub(super) struct Labels<'a> {
    pub(super) tags: &'a mut BTreeMap<String, String>,
    pub(super) policy: &'a mut Option<String>,
}

impl Carrier<'_> {
    /// What `change` refuses changes nothing; a stream that comes or goes and a consumer that is not there are refused before.
    pub(super) async fn change_labels(
        &self,
        resource: Resource,
        change: impl FnOnce(Labels<'_>) -> Result<(), AwsError> + Send + 'static,
    ) -> Result<Answer, AwsError> {
        let stream = resource.stream().clone();
        self.amend(stream.clone(), move |amendment| {
            check_in_use(amendment, &stream)?;
            let now = amendment.now();
            let traits = amendment.traits_mut();
            match resource {
                Resource::Stream(_) => change(Labels {
                    tags: &mut traits.tags,
                    policy: &mut traits.policy,
                }),
                Resource::Consumer(consumer) => {
                    let found = traits.consumer_mut(&consumer.name, consumer.created_s, now);
                    let found = found.ok_or_else(|| AwsError::consumer_missing(&consumer))?;
                    change(Labels {
                        tags: &mut found.tags,
                        policy: &mut found.policy,
                    })
                }
            }
        })
        .await?;
        Ok(Answer::done(self.codec))
    }
}

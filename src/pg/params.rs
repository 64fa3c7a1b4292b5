//! Values of a request as typed parameters of the export query.

use super::report::{catching, Failure};
use crate::error::{Error, Result};
use crate::filter::{Param, Value};
use pgrx::pg_sys;
use std::ffi::CString;

/// Turns the texts into datums by their types' input functions. A value that does not fit is named by field, operator
/// and type; the value itself is not quoted. Only a failing type input is caught, and it ends the statement.
pub fn bind(params: &[Param]) -> Result<pg_sys::ParamListInfo> {
    if params.is_empty() {
        return Ok(std::ptr::null_mut());
    }
    // SAFETY: a list of the given length in the current memory context; every entry is filled below.
    let list = unsafe { pg_sys::makeParamList(params.len() as i32) };
    for (index, param) in params.iter().enumerate() {
        let (value, type_oid) = catching(|| datum(param)).map_err(|failure| misfit(param, failure))?;
        // SAFETY: index is below numParams.
        unsafe {
            let entry = (*list).params.as_mut_ptr().add(index);
            (*entry).value = value;
            (*entry).isnull = false;
            // Folded into the plan as a constant: one shard, one partition, exact estimates.
            (*entry).pflags = pg_sys::PARAM_FLAG_CONST as u16;
            (*entry).ptype = type_oid;
        }
    }
    Ok(list)
}

fn misfit(param: &Param, failure: Failure) -> Error {
    match failure {
        Failure::Ours(error) => error,
        failure if failure.is_cancel() => Error::canceled(),
        failure if failure.is_of_server() => failure.into_error(),
        Failure::Server(_) => param.misfit(),
    }
}

fn datum(param: &Param) -> Result<(pg_sys::Datum, pg_sys::Oid)> {
    let element = pg_sys::Oid::from(param.type_oid);
    match &param.value {
        Value::One(text) => Ok((input(element, text)?, element)),
        Value::Many(texts) => {
            let mut values = texts.iter().map(|text| input(element, text)).collect::<Result<Vec<_>>>()?;
            // SAFETY: type facts come from the catalogue; construct_array copies the datums.
            unsafe {
                let (mut length, mut by_value, mut align) = (0i16, false, 0 as core::ffi::c_char);
                pg_sys::get_typlenbyvalalign(element, &mut length, &mut by_value, &mut align);
                let array = pg_sys::construct_array(
                    values.as_mut_ptr(),
                    values.len() as i32,
                    element,
                    i32::from(length),
                    by_value,
                    align,
                );
                let array_type = pg_sys::get_array_type(element);
                if array_type == pg_sys::InvalidOid {
                    return Err(Error::invalid(format!("type {} has no array type", param.type_name)));
                }
                Ok((pg_sys::Datum::from(array), array_type))
            }
        }
    }
}

fn input(type_oid: pg_sys::Oid, text: &str) -> Result<pg_sys::Datum> {
    let text = CString::new(text).map_err(|_| Error::invalid("a value contains a null character"))?;
    // SAFETY: the input function and its argument come from the catalogue.
    unsafe {
        let (mut function, mut argument) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
        pg_sys::getTypeInputInfo(type_oid, &mut function, &mut argument);
        Ok(pg_sys::OidInputFunctionCall(function, text.as_ptr().cast_mut(), argument, -1))
    }
}
